// Runs attempts in this process, any number at once. An agent that does not stop when it is told to loses its slot after a grace; what
// it still does is dropped, but it cannot be stopped: that takes a process of its own (run-isolated.ts).
import { argumentError } from "../base/check.js";
import { clearTimeout, setTimeout } from "../base/clock.js";
import { emitReward } from "../tracing/emit.js";
import type { Agent, AgentResult, RolloutContext } from "../types/agent.js";
import type { AttemptEnd, RunAttempt } from "./attempt-job.js";
import { toModelAccess } from "./model-access.js";
import { createOwnTask } from "./own-task.js";
import { checkedRedact, type Redact, redactErrorSafely } from "./redact.js";
import { runRollout } from "./run-rollout.js";
import { describeThrown } from "./thrown.js";

export interface InProcessOptions {
  /** How long an agent may go on after the end of its rollout. */
  readonly graceMs: number;
  /** Runs on every span, and on every error, before it leaves the process. */
  readonly redact?: Redact | undefined;
  /** Told of an agent that went on for longer. */
  onAbandoned?(rolloutId: string): void;
}

export function createInProcessRun(agent: Agent<never>, options: InProcessOptions): RunAttempt {
  const toOwnTask = createOwnTask("runner");
  const redact = options.redact && checkedRedact(options.redact);
  return (job, { signal, onSpan }) => {
    let settled: Promise<unknown> = Promise.resolve();
    const watched: Agent<never> = (task, context) => {
      const running = callAgent(agent, task, context);
      settled = running.catch(() => undefined);
      return running;
    };
    const report = runRollout({
      ...{ ...job, ...toModelAccess(job), input: toOwnTask(job.input) },
      ...{ agent: watched, signal, onSpan, redact },
    });
    const end = report.then(({ ended, error, droppedSpans }): AttemptEnd => {
      const told = ended === "returned" ? null : redactErrorSafely(redact, ended, describeThrown(error));
      return { ended, error: told, droppedSpans };
    });
    const released = end.then(async () => {
      if (!(await settles(settled, options.graceMs))) options.onAbandoned?.(job.rolloutId);
    });
    return { end, released, isAlive: () => true };
  };
}

// --- internal ---

/** A returned reward is emitted as a span: whoever reads the rollout finds it there. */
async function callAgent(agent: Agent<never>, task: never, context: RolloutContext): Promise<AgentResult> {
  const result: unknown = await agent(task, context);
  if (typeof result === "number" || typeof result === "boolean") emitReward(result);
  else if (result !== undefined && result !== null)
    throw argumentError("agent", "a number, a boolean or nothing to be returned", result);
  return undefined;
}

async function settles(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
  });
  const isSettled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isSettled;
}
