// How everything is measured: contenders of a case take turns, round after round, each time in a fresh process and only
// when the machine is quiet. Knows no subject.
import { spawn } from "node:child_process";
import { root } from "../scripts/command.mjs";
import { busySeconds, quietCores, waitForQuiet } from "./machine.mjs";

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {(round: number) => readonly string[]} command  program and arguments; prints one JSON line with cpuSeconds
 *
 * @typedef {object} Measurement
 * @property {any[]} outputs  what the processes printed, one for each round
 * @property {boolean} loaded  something else ran before or during one of them
 */

export class Harness {
  #patience;
  #force;

  /** @param {{ force?: boolean, patienceSeconds?: number }} options  force: do not wait for a quiet machine */
  constructor({ force = false, patienceSeconds = 60 } = {}) {
    this.#force = force;
    this.#patience = patienceSeconds;
    this.patienceLeft = patienceSeconds;
  }

  /**
   * @param {readonly Contender[]} contenders
   * @param {number} rounds
   * @returns {Promise<Map<string, Measurement>>}
   */
  async compare(contenders, rounds) {
    const measured = new Map(contenders.map(({ name }) => [name, { outputs: [], loaded: false }]));
    for (let round = 0; round < rounds; round++) {
      for (const { name, command } of contenders) {
        const { output, loaded } = await this.#runOnce(command(round));
        const measurement = measured.get(name);
        measurement.outputs.push(output);
        measurement.loaded ||= loaded;
      }
    }
    return measured;
  }

  /**
   * As `compare`, of one contender that has no rival.
   * @param {(round: number) => readonly string[]} command
   * @param {number} rounds
   * @returns {Promise<Measurement>}
   */
  async measure(command, rounds) {
    const [measurement] = (await this.compare([{ name: "alone", command }], rounds)).values();
    return measurement;
  }

  async #runOnce(command) {
    const wasQuiet = this.#force ? await waitForQuiet(0) : await this.#quiet();
    const busy = busySeconds();
    const begin = performance.now();
    const output = await runJson(command);
    const seconds = (performance.now() - begin) / 1000;
    // The clock of busySeconds ticks in hundredths of a second a core; starting a process costs this one some.
    const others = busySeconds() - busy - output.cpuSeconds - 0.05;
    return { output, loaded: !wasQuiet || others > quietCores * seconds };
  }

  // A machine that was busy for the whole wait is asked more briefly next time, so that a run ends.
  async #quiet() {
    const isQuiet = await waitForQuiet(this.patienceLeft);
    this.patienceLeft = isQuiet ? this.#patience : 3;
    return isQuiet;
  }
}

/** Runs a program to its end; its last line of output is JSON. Rejects with its errors when it fails. */
export function runJson([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) return resolve(JSON.parse(output.trim().split("\n").at(-1)));
      const shown = [program, ...args].join(" ");
      return reject(new Error(`${shown} ended with ${signal ?? `status ${status}`}\n${errors}`));
    });
  });
}
