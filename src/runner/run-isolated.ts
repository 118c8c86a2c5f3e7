// Runs each attempt in a process of its own: told to stop, then terminated, then killed, with all that it has started.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { clearTimeout, performance, setTimeout } from "../base/clock.js";
import { kLongestTimerMs } from "../store/waiters.js";
import type { AttemptEnd, AttemptHooks, AttemptJob, AttemptRun, RunAttempt } from "./attempt-job.js";
import { isFromChild, kAliveMs, type ToChild } from "./isolated-messages.js";

export interface IsolatedOptions {
  readonly agentPath: string;
  /** Between telling to stop, terminating and killing. */
  readonly graceMs: number;
}

export function createIsolatedRun(options: IsolatedOptions): RunAttempt {
  return (job, hooks) => runChild(options, job, hooks);
}

// --- internal ---

const kChild = fileURLToPath(new URL("./isolated-child.js", import.meta.url));
/** Without a sign of life for so long its agent blocks it. */
const kDeafMs = 20 * kAliveMs;

function runChild({ agentPath, graceMs }: IsolatedOptions, job: AttemptJob, hooks: AttemptHooks): AttemptRun {
  // A group of its own, so that what the agent starts ends with it, and a Ctrl-C in the terminal lets it finish.
  const child = fork(kChild, { detached: true, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const executioner = createExecutioner(child, graceMs);
  let heard = performance.now();
  let cut: AttemptEnd | undefined;
  const stop = (end: AttemptEnd) => {
    cut ??= end;
    send(child, { kind: "abort", reason: end.error ?? end.ended });
    executioner.begin();
  };
  const onAbort = () => stop({ ended: "cancelled", error: messageOf(hooks.signal.reason), droppedSpans: 0 });
  if (job.timeoutMs !== null) {
    const error = `rollout ${job.rolloutId}: expected the agent to finish within ${job.timeoutMs} ms`;
    // The child keeps the deadline itself, unless its agent blocks it.
    const lateMs = job.timeoutMs + Math.min(graceMs, 1000);
    executioner.after(lateMs, () => stop({ ended: "timeout", error, droppedSpans: 0 }));
  }
  const gone = untilGone(child);
  const end = new Promise<AttemptEnd>((resolve) => {
    child.on("message", (message) => {
      // The agent may use the channel too, for whatever it takes its parent for.
      if (!isFromChild(message)) return;
      heard = performance.now();
      if (message.kind === "span") hooks.onSpan(message.span);
      if (message.kind !== "end") return;
      // What is left of the agent has its grace, and no more.
      executioner.begin();
      resolve(message.end);
    });
    // All that it has sent has come by then.
    void gone.then((how) => {
      const error = `the agent's process ended with ${how} before the agent did`;
      resolve(cut ?? { ended: "threw", error, droppedSpans: 0 });
    });
  });
  const released = gone.then(() => {
    executioner.close();
    hooks.signal.removeEventListener("abort", onAbort);
  });
  send(child, { kind: "run", agentPath, job, graceMs });
  if (hooks.signal.aborted) onAbort();
  hooks.signal.addEventListener("abort", onAbort, { once: true });
  return { end, released, isAlive: () => performance.now() - heard < kDeafMs };
}

/** Terminates after a grace, and kills after another. */
function createExecutioner(child: ChildProcess, graceMs: number) {
  const timers: NodeJS.Timeout[] = [];
  const after = (ms: number, action: () => void) => {
    if (ms <= kLongestTimerMs) timers.push(setTimeout(action, ms));
  };
  return {
    after,
    begin: () => {
      after(graceMs, () => killGroup(child, "SIGTERM"));
      after(2 * graceMs, () => killGroup(child, "SIGKILL"));
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Resolves when the child and all that it started have ended and all its messages have come; tells how it ended. */
function untilGone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let how = "nothing";
    child.once("exit", (code, signal) => {
      how = signal ?? `exit code ${code}`;
      killGroup(child, "SIGKILL");
    });
    child.once("close", () => resolve(how));
    // It could not be started.
    child.once("error", (error) => child.pid === undefined && resolve(error.message));
  });
}

function send(child: ChildProcess, message: ToChild): void {
  // A child that is gone says so by its exit.
  if (child.connected) child.send(message, () => undefined);
}

/** The child and all it started; those that are gone already are no error. */
function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code !== "ESRCH" &&
      (error as NodeJS.ErrnoException).code !== "EPERM"
    )
      throw error;
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
