// The rollouts of one batch, as many at a time as are allowed. What fails for all alike ends it.

import { setMaxListeners } from "node:events";
import { LightningError } from "../../base/error.js";
import type { Policy } from "../../policy/policy.js";
import { checkedRedact, type Redact } from "../../runner/redact.js";
import { assertReach } from "../../tracing/self-test.js";
import {
  type AgentContext,
  type BatchContext,
  type BatchRequest,
  type EndedRollout,
  type FinishedRollout,
  finishRollout,
  type RunningBatch,
  runBatchRollout,
} from "./batch-rollout.js";
import { type Doubt, doubtsOfBatch } from "./doubts.js";
import type { ToSampling } from "./sampling.js";
import { createStopwatch, type Stopwatch } from "./stopwatch.js";

export interface BatchReport {
  /** In the order of the requests. */
  readonly rollouts: readonly FinishedRollout[];
  /** Wall seconds in which the policy was sampling. */
  readonly samplingSeconds: number;
}

export interface BatchOptions {
  readonly sampling: ToSampling;
  readonly signal: AbortSignal;
  onRollout(rollout: FinishedRollout): void;
}

/**
 * Rejects with E_STATE where the agent's calls cannot be seen, with the signal's reason, and with what fails for all rollouts alike (the store, the policy, `redact`, `onRollout`); no rollout runs any
 * more then.
 */
export async function runBatch(
  context: AgentContext,
  requests: readonly BatchRequest[],
  options: BatchOptions,
): Promise<BatchReport> {
  const { settings } = context;
  await assertReach("trainer");
  const { running, broken, samplingSeconds } = toRunningBatch(context, options);
  const { signal } = running;
  const finished: FinishedRollout[] = [];
  // The others end first: what still ran would meet the next batch.
  const orBreak = (promise: Promise<void>) => promise.catch((error: unknown) => broken.abort(error));
  const unsettled: Promise<void>[] = [];
  const finish = async (index: number, ended: EndedRollout, doubt: Doubt | null) => {
    const done = await finishRollout(context, ended, doubt);
    finished[index] = done;
    options.onRollout(done);
  };
  const runAt = async (index: number, request: BatchRequest, workerId: string) => {
    const ended = await runBatchRollout(running, request, workerId);
    const { doubt } = ended;
    // Its place is free meanwhile: what it waits for may want it.
    if (doubt instanceof Promise) unsettled.push(orBreak(doubt.then((known) => finish(index, ended, known))));
    else await finish(index, ended, doubt);
  };
  let next = 0;
  const work = async (workerId: string) => {
    for (let index = next++; index < requests.length; index = next++) {
      const request = requests[index];
      if (request === undefined || signal.aborted) return;
      await orBreak(runAt(index, request, workerId));
    }
  };
  const workers = Math.min(settings.concurrency, requests.length);
  await Promise.all(Array.from({ length: workers }, (_, i) => work(`trainer-${i}`)));
  await Promise.all(unsettled);
  signal.throwIfAborted();
  return { rollouts: finished, samplingSeconds: samplingSeconds() };
}

export interface BegunBatch<Context extends BatchContext> {
  readonly running: RunningBatch<Context>;
  /** To be aborted with what fails for all rollouts alike: it ends the batch. */
  readonly broken: AbortController;
  /** Wall seconds in which the policy was sampling, so far. */
  samplingSeconds(): number;
}

/** What the rollouts of one batch share, wherever their agents run. */
export function toRunningBatch<Context extends BatchContext>(
  context: Context,
  options: Pick<BatchOptions, "sampling" | "signal">,
): BegunBatch<Context> {
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  // One listener a rollout is no leak.
  setMaxListeners(0, signal);
  const stopwatch = createStopwatch();
  const running: RunningBatch<Context> = {
    context: { ...context, redact: context.redact && breakingRedact(context.redact, broken) },
    policy: answeringPolicy(context.policy, stopwatch, broken),
    doubts: doubtsOfBatch(),
    ...{ sampling: options.sampling, signal },
  };
  return { running, broken, samplingSeconds: stopwatch.seconds };
}

// --- internal ---

/** The policy as a batch's rollouts see it: its time is taken, and its failure, which is not one rollout's, ends the batch. */
function answeringPolicy(
  policy: Policy,
  stopwatch: Stopwatch,
  broken: AbortController,
): RunningBatch["policy"] {
  const { config, contextLength, tokenizer, toolCalls, thoughtsIn } = policy;
  const fail =
    (signal: AbortSignal | undefined) =>
    (error: unknown): never => {
      if (!signal?.aborted && isPolicyFailure(error)) broken.abort(error);
      throw error;
    };
  return {
    ...{ config, contextLength, tokenizer, toolCalls, thoughtsIn },
    renderChat: (messages, options) => policy.renderChat(messages, options),
    constrain: (form) => policy.constrain(form).catch(fail(undefined)),
    sample: (options) => stopwatch.during(policy.sample(options).catch(fail(options.signal))),
  };
}

/** A request that the policy refuses is its agent's; everything else (closed, damaged weights, a defect) is not. */
function isPolicyFailure(error: unknown): boolean {
  return error instanceof LightningError && error.code !== "E_ARGUMENT" && error.code !== "E_MEMORY";
}

/** A redaction that fails would leave every rollout without spans, so it ends the batch. */
function breakingRedact(redact: Redact, broken: AbortController): Redact {
  const checked = checkedRedact(redact);
  return (span) => {
    try {
      return checked(span);
    } catch (error) {
      broken.abort(error);
      throw error;
    }
  };
}
