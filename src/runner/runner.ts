// A runner: claims rollouts from a store while it has room, runs each to its end, and tells the store how it went. It survives a store
// that is out of reach for a while; what it runs survives neither its death nor a cancellation, and the store's rules decide what follows.
import { setMaxListeners } from "node:events";
import { checkInteger, checkNumber } from "../base/check.js";
import { clearTimeout, performance, setTimeout } from "../base/clock.js";
import type { LightningStore } from "../store/store.js";
import { watchStrays } from "../tracing/strays.js";
import type { Resources } from "../types/resources.js";
import type { AttemptedRollout } from "../types/rollout.js";
import type { AttemptEnd, AttemptRun, RunAttempt } from "./attempt-job.js";
import { watchLostAttempts } from "./lost-attempts.js";
import { isOutOfReach, isRefused, patiently } from "./patience.js";
import { createPulse, type Pulse } from "./pulse.js";
import { resourcesOf } from "./rollout-resources.js";
import { createSpanFeed } from "./span-feed.js";

export interface RunnerOptions {
  readonly store: LightningStore;
  readonly workerId: string;
  readonly run: RunAttempt;
  /** Attempts at once. */
  readonly concurrency: number;
  /** Aborts: no more claims; resolves when what runs has ended. */
  readonly drain: AbortSignal;
  /** Aborts: what runs is cancelled, and its attempts fail. */
  readonly stop?: AbortSignal;
  /** Default 5,000. */
  readonly heartbeatMs?: number;
  /** Of rollouts without a timeout of their own; default 3,600,000, null for none. */
  readonly timeoutMs?: number | null;
  /** How long a store may be out of reach after the drain began before what runs is given up; default 60,000. */
  readonly patienceMs?: number;
  /** Other runners without a sign of life for so long are given up; default 60,000, at least 10. */
  readonly lostAfterMs?: number;
  /** Told what happens, for people. */
  onEvent?(message: string): void;
}

export interface RunnerReport {
  readonly succeeded: number;
  readonly failed: number;
}

/** Runs until drained. @throws what the store does, except that it is out of reach */
export async function runRunner(options: RunnerOptions): Promise<RunnerReport> {
  checkInteger("runner", "concurrency", options.concurrency, { min: 1 });
  checkNumber("runner", "heartbeatMs", options.heartbeatMs ?? kDefaults.heartbeatMs, { min: 10 });
  checkNumber("runner", "lostAfterMs", options.lostAfterMs ?? kDefaults.lostAfterMs, { min: 10 });
  const runner = new Runner({ ...kDefaults, onEvent: () => undefined, ...options });
  return runner.work();
}

// --- internal ---

const kDefaults = { heartbeatMs: 5000, timeoutMs: 3_600_000, patienceMs: 60_000, lostAfterMs: 60_000 };
/** Of one claim; a store may wait less. */
const kClaimMs = 30_000;
/** After a claim whose answer was lost: how long its rollouts are looked for. */
const kDoubtMs = 60_000;

type Settings = RunnerOptions & Required<Omit<RunnerOptions, "stop">>;

class Runner {
  readonly #settings: Settings;
  readonly #pulse: Pulse;
  readonly #running = new Map<string, Promise<void>>();
  #succeeded = 0;
  #failed = 0;
  #doubtUntil = 0;
  #freed: () => void = () => undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    const { store, workerId, heartbeatMs, onEvent } = settings;
    const onError = (error: unknown) => onEvent(`no heartbeat: ${messageOf(error)}`);
    const stats = () => ({
      ...{ running: this.#running.size, succeeded: this.#succeeded, failed: this.#failed },
      memory_bytes: process.memoryUsage.rss(),
    });
    this.#pulse = createPulse({ store, workerId, heartbeatMs, stats, onError });
  }

  async work(): Promise<RunnerReport> {
    const { store, drain, stop, lostAfterMs, onEvent } = this.#settings;
    const unwatch = watchLostAttempts({
      store,
      lostAfterMs,
      onLost: (rolloutId, workerId) => onEvent(`rollout ${rolloutId}: its runner ${workerId} is gone`),
      onError: (error) => onEvent(`cannot look for lost attempts: ${messageOf(error)}`),
    });
    // Between attempts too: what an agent left behind must not end its runner.
    const unwatchStrays = watchStrays();
    // One listener an attempt is no leak.
    if (stop !== undefined) setMaxListeners(0, stop);
    drain.addEventListener("abort", () => this.#freed(), { once: true });
    try {
      // Known to give signs of life before it takes anything.
      await this.#pulse.beat();
      while (!drain.aborted) {
        await this.#room();
        if (drain.aborted) break;
        for (const claimed of await this.#claim()) this.#start(claimed);
      }
      await Promise.all(this.#running.values());
      return { succeeded: this.#succeeded, failed: this.#failed };
    } finally {
      unwatch();
      unwatchStrays();
      this.#pulse.close();
    }
  }

  async #room(): Promise<void> {
    const { concurrency, drain } = this.#settings;
    if (this.#running.size < concurrency) return;
    await new Promise<void>((resolve) => {
      this.#freed = resolve;
      if (drain.aborted) resolve();
    });
  }

  async #claim(): Promise<readonly AttemptedRollout[]> {
    const { store, workerId, concurrency, drain, onEvent } = this.#settings;
    const free = concurrency - this.#running.size;
    try {
      const isInDoubt = performance.now() < this.#doubtUntil;
      const mislaid = isInDoubt ? await this.#mislaid() : [];
      if (mislaid.length > 0) return mislaid;
      return await store.claim(workerId, free, { timeoutMs: isInDoubt ? 2000 : kClaimMs, signal: drain });
    } catch (error) {
      if (drain.aborted) return [];
      if (!isOutOfReach(error)) throw error;
      onEvent(`the store is out of reach: ${messageOf(error)}`);
      this.#doubtUntil = performance.now() + kDoubtMs;
      await pause(1000, drain);
      return [];
    }
  }

  /** What the store gave to this runner in an answer that never came. */
  async #mislaid(): Promise<readonly AttemptedRollout[]> {
    const { items } = await this.#settings.store.queryRollouts({ statusIn: ["preparing"] });
    return items.flatMap((rollout) => {
      if (!("attempt" in rollout) || rollout.attempt.workerId !== this.#settings.workerId) return [];
      return this.#running.has(rollout.attempt.attemptId) ? [] : [rollout];
    });
  }

  #start(claimed: AttemptedRollout): void {
    const { attemptId } = claimed.attempt;
    const done = this.#attempt(claimed)
      .catch((error: unknown) => {
        this.#failed++;
        this.#settings.onEvent(`rollout ${claimed.rolloutId}: cannot tell the store: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#running.delete(attemptId);
        this.#freed();
      });
    this.#running.set(attemptId, done);
  }

  async #attempt(claimed: AttemptedRollout): Promise<void> {
    const { store, onEvent } = this.#settings;
    const { rolloutId, attempt } = claimed;
    try {
      const changes = { status: "running", lastHeartbeatTime: attempt.startTime } as const;
      await patiently(() => store.updateAttempt(rolloutId, attempt.attemptId, changes), this.#settings);
    } catch (error) {
      if (!isRefused(error)) throw error;
      onEvent(`rollout ${rolloutId}: taken back before it began`);
      return;
    }
    let resources: Resources;
    try {
      resources = await patiently(() => resourcesOf(store, claimed), this.#settings);
    } catch (error) {
      const message = `the rollout's resources cannot be read: ${messageOf(error)}`;
      await this.#finish(claimed, { ended: "threw", error: message, droppedSpans: 0 });
      return;
    }
    const { released } = await this.#run(claimed, resources);
    await released;
  }

  async #run(claimed: AttemptedRollout, resources: Resources): Promise<AttemptRun> {
    const { store, stop, onEvent } = this.#settings;
    const { rolloutId, attempt, config } = claimed;
    const abort = new AbortController();
    const abortFor = (reason: string) => {
      onEvent(`rollout ${rolloutId}: ${reason}`);
      abort.abort(new DOMException(reason, "AbortError"));
    };
    const onStop = () => abortFor("the runner was stopped");
    const feed = createSpanFeed(store, attempt, this.#settings);
    const job = {
      ...{
        input: claimed.input,
        rolloutId,
        attemptId: attempt.attemptId,
        mode: claimed.mode ?? "train",
        resources,
      },
      timeoutMs: config.timeoutSeconds === null ? this.#settings.timeoutMs : config.timeoutSeconds * 1000,
    };
    const running = this.#settings.run(job, { signal: abort.signal, onSpan: feed.add });
    const stopBeating = this.#pulse.add({ claimed, isAlive: running.isAlive, abort: abortFor });
    if (stop?.aborted) onStop();
    stop?.addEventListener("abort", onStop, { once: true });
    try {
      const end = await running.end;
      const lost = await sendRest(feed.close);
      if (feed.dropped > 0) onEvent(`rollout ${rolloutId}: ${feed.dropped} spans were dropped`);
      stopBeating();
      await this.#finish(claimed, lost === null ? end : { ...end, ended: "threw", error: lost });
    } finally {
      stopBeating();
      stop?.removeEventListener("abort", onStop);
    }
    return running;
  }

  async #finish(claimed: AttemptedRollout, { ended, error }: AttemptEnd): Promise<void> {
    const { store, onEvent } = this.#settings;
    const { rolloutId, attempt } = claimed;
    const status = ended === "returned" ? "succeeded" : ended === "timeout" ? "timeout" : "failed";
    const metadata = { ...attempt.metadata, outcome: ended, ...(error === null ? {} : { error }) };
    if (status === "succeeded") this.#succeeded++;
    else this.#failed++;
    onEvent(`rollout ${rolloutId}: ${status}${error === null ? "" : `, ${error}`}`);
    try {
      await patiently(
        () => store.updateAttempt(rolloutId, attempt.attemptId, { status, metadata }),
        this.#settings,
      );
    } catch (refusal) {
      // Ended by somebody else meanwhile: its timeout passed, or it was given to another runner.
      if (!isRefused(refusal)) throw refusal;
    }
  }
}

/** @returns why spans were lost; null when none were */
async function sendRest(close: () => Promise<void>): Promise<string | null> {
  try {
    await close();
    return null;
  } catch (error) {
    return `the attempt's spans cannot be kept: ${messageOf(error)}`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end, { once: true });
  });
}
