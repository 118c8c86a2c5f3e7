// Runner processes on a store that they share with the trainer: they may be killed, and so may the trainer.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { openStore } from "../../../src/store/open-store.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { StepReport } from "../../../src/trainer/trainer.js";
import { type Agl, agl, type Folder, temporaryFolder, until } from "../../cli/agl.js";
import { tinyPolicy } from "../tiny-policy.js";
import { dialogue, queueTrainer, scoresOf, untimed } from "./runners.js";

const agentFile = fileURLToPath(new URL("runner-agent.mjs", import.meta.url));
const program = fileURLToPath(new URL("queue-run.mjs", import.meta.url));
const tasks = ["abc", "bcd", "cde", "def", "efg", "fgh", "ghi"];

let folder: Folder;
let started: Agl[] = [];

beforeEach(({ onTestFailed }) => {
  const mine: Agl[] = [];
  started = mine;
  onTestFailed(() => console.log(mine.map(({ output }) => output.err).join("--\n")));
  folder = temporaryFolder();
});

afterEach(() => {
  for (const { child } of started) child.kill("SIGKILL");
  folder[Symbol.dispose]();
});

function runner(id: string, url: string, env: Record<string, string> = {}): Agl {
  const quick = ["--heartbeat", "0.2", "--lost-after", "3", "--concurrency", "8"];
  const command = agl(["runner", "--id", id, "--store", url, "--agent", agentFile, ...quick], { env });
  started.push(command);
  return command;
}

/** Resolves when at least so many rollouts run and all that run have made a call. */
async function inTheMiddle(url: string, least: number): Promise<void> {
  const store = await openStore(url);
  await until(async () => {
    const { items } = await store.queryRollouts({ statusIn: ["running"] });
    const spans = await Promise.all(items.map(({ rolloutId }) => store.querySpans(rolloutId)));
    return items.length >= least && spans.every(({ total }) => total > 0);
  });
  await store.close();
}

/** One step of 56 rollouts. */
async function step(runs: "here" | { readonly url: string; readonly meanwhile?: () => Promise<void> }) {
  await using policy = await tinyPolicy({ contextLength: 128 });
  const store = await openStore(runs === "here" ? "memory:" : runs.url);
  const options = { algorithm: grpo({ groupSize: 8, lr: 3e-2, updates: 2 }) };
  await using trainer =
    runs === "here"
      ? createTrainer<string>({
          ...{ policy, agent: dialogue, store, seed: 7, klEvery: 1, sampling: { maxTokens: 6 } },
          ...options,
        })
      : queueTrainer<string>(policy, store, options);
  const [report] = await Promise.all([trainer.step(tasks), runs === "here" ? undefined : runs.meanwhile?.()]);
  const scores = await scoresOf(policy);
  const { items: attempts } = await store.queryRollouts();
  await store.close();
  return { report, scores, attempts };
}

const numbersOf = (report: StepReport) => untimed(report.metrics);

describe("two runner processes", { timeout: 120_000 }, () => {
  it("train 56 rollouts in one step, every call of which is its own rollout's, to the bits of one process", async () => {
    const here = await step("here");
    const url = `sqlite:${folder.path}/store.db`;
    runner("first", url);
    runner("second", url);
    const { report, scores, attempts } = await step({ url });
    expect(report.rollouts.map(({ outcome, modelCalls }) => [outcome, modelCalls])).toEqual(
      Array.from({ length: 56 }, () => ["ok", 2]),
    );
    const rows = report.rollouts.flatMap(({ rolloutId, trajectories }) =>
      trajectories.map((row) => [rolloutId, row.rolloutId, row.transitions.length]),
    );
    expect(rows.every(([own, of]) => own === of)).toBe(true);
    expect(rows.reduce((sum, [, , calls]) => sum + Number(calls), 0)).toBe(112);
    const workers = new Set(attempts.map((one) => ("attempt" in one ? one.attempt.workerId : null)));
    expect([...workers].sort()).toEqual(["first", "second"]);
    expect(numbersOf(report)).toEqual(numbersOf(here.report));
    expect(scores).toEqual(here.scores);
  });

  it("train to the same bits when one of them is killed in the middle", async () => {
    const here = await step("here");
    const url = `sqlite:${folder.path}/store.db`;
    const killed = runner("killed", url, { AGL_TEST_GATE: agentFile });
    const meanwhile = async () => {
      await inTheMiddle(url, 8);
      killed.child.kill("SIGKILL");
      runner("left", url);
    };
    const { report, scores, attempts } = await step({ url, meanwhile });
    const tries = attempts.map((one) => ("attempt" in one ? one.attempt.sequenceId : 0));
    expect(tries.filter((count) => count === 2).length).toBe(8);
    expect(numbersOf(report)).toEqual(numbersOf(here.report));
    expect(scores).toEqual(here.scores);
  });
});

/** A run of four steps of twelve rollouts. */
function run(name: string, runners: "here" | "queue", url: string) {
  const out = join(folder.path, name);
  const child = spawn(process.execPath, [program, out, runners, url], { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const closed = once(child, "close");
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await closed;
    },
    hasSteps: (count: number) => until(() => count === 0 || output.includes(`rollout ${12 * count}\n`)),
    adapter: async () => {
      const [status] = await closed;
      if (status !== 0) throw new Error(errors);
      return readFileSync(join(out, "adapter", "adapter_model.safetensors"));
    },
  };
}

describe("a trainer that is killed while runners run", { timeout: 120_000 }, () => {
  it("is started again, they go on, and the run ends in the same bytes", async () => {
    const here = await run("here", "here", "memory:").adapter();
    const url = `sqlite:${folder.path}/store.db`;
    const gate = folder.write("gate", "");
    const runners = ["first", "second"].map((id) => runner(id, url, { AGL_TEST_GATE: gate }));
    for (const stepsBefore of [0, 2]) {
      const killed = run("queue", "queue", url);
      await killed.hasSteps(stepsBefore);
      folder.write("gate", "");
      await inTheMiddle(url, 1);
      await killed.kill();
      rmSync(gate);
    }
    expect((await run("queue", "queue", url).adapter()).equals(here)).toBe(true);
    expect(runners.map(({ child }) => child.exitCode)).toEqual([null, null]);
    const store = await openStore(url);
    const { items } = await store.queryRollouts();
    expect(items.filter(({ endTime }) => endTime === null)).toEqual([]);
    expect(items.length).toBe(6 * 12);
    await store.close();
  });
});
