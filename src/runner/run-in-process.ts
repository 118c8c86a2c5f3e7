// Runs attempts in this process, any number at once. An agent that does not stop when it is told to loses its slot after a grace; what
// it still does is dropped, but it cannot be stopped: that takes a process of its own (run-isolated.ts).
import { clearTimeout, setTimeout } from "../base/clock.js";
import { rewardProblem } from "../credit/final-reward.js";
import { emitReward } from "../tracing/emit.js";
import type { Agent, AgentResult, RolloutContext } from "../types/agent.js";
import type { AttemptEnd, RunAttempt } from "./attempt-job.js";
import { toModelAccess } from "./model-access.js";
import { endOfRun } from "./outcome.js";
import { createOwnTask } from "./own-task.js";
import { checkedRedact, type Redact, redactErrorSafely } from "./redact.js";
import { runRollout } from "./run-rollout.js";

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
    const end = report.then((report): AttemptEnd => {
      const { ended, error } = endOfRun(report);
      const told = error === null ? null : redactErrorSafely(redact, ended, error);
      return { ended, error: told, droppedSpans: report.droppedSpans };
    });
    const released = end.then(async () => {
      if (!(await settles(settled, options.graceMs))) options.onAbandoned?.(job.rolloutId);
    });
    return { end, released, isAlive: () => true };
  };
}

// --- internal ---

/** A returned reward is emitted as a span: whoever reads the rollout finds it there. What is none is told as the attempt's end. */
async function callAgent(agent: Agent<never>, task: never, context: RolloutContext): Promise<AgentResult> {
  const result = await agent(task, context);
  const isReward = result !== undefined && result !== null && rewardProblem(result) === null;
  if (isReward) emitReward(result);
  return result;
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
