// A long build, watched: what it prints is kept back, how far it is stands in one line; when it fails, all is printed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { giveUp, root } from "./command.mjs";

// ninja counts what it starts and make what is done: "[12/140] Building ...", "[ 34%] Building ...".
const kPlace = /^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\]/;
const kSecondsBetweenLines = 10;

/**
 * Runs a program that builds, and exits with its status when it fails.
 * @param what  what it builds, in a few words
 */
export async function runWithProgress(what, program, args, options = {}) {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
  const report = createReport(what);
  let output = "";
  let line = "";
  const read = (text) => {
    output += text;
    const lines = (line + text).split("\n");
    line = lines.pop() ?? "";
    for (const each of lines) report.read(each);
  };
  child.stdout.setEncoding("utf8").on("data", read);
  child.stderr.setEncoding("utf8").on("data", read);
  child.on("error", (error) => giveUp(`build: cannot run ${program}: ${error.message}`));
  const [status] = await once(child, "close");
  report.end();
  if (status === 0) return;
  process.stderr.write(output);
  process.stderr.write(`build: ${[program, ...args].join(" ")} failed\n`);
  process.exit(status ?? 1);
}

/** How far a build is, by a line of its output, as "12 of 140" or "34 %"; undefined where the line says nothing of it. */
export function placeIn(line) {
  const [, done, all, percent] = kPlace.exec(line) ?? [];
  if (percent !== undefined) return `${percent} %`;
  return done === undefined ? undefined : `${done} of ${all}`;
}

// --- internal ---

/** On a terminal one line that is written anew; elsewhere a line every ten seconds. A build with nothing to do says nothing. */
function createReport(what) {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY === true;
  let place;
  let isTold = false;
  const tell = () => {
    if (place === undefined) return;
    isTold = true;
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const said = `build: ${what}, ${place}, ${seconds} s`;
    process.stderr.write(isTerminal ? `\r\u001b[K${said}` : `${said}\n`);
  };
  const timer = setInterval(tell, isTerminal ? 1000 : kSecondsBetweenLines * 1000);
  return {
    read(line) {
      place = placeIn(line) ?? place;
    },
    end() {
      clearInterval(timer);
      if (isTold) tell();
      if (isTold && isTerminal) process.stderr.write("\n");
    },
  };
}
