// The contract of every store: the rollout queue, attempts, spans, resources and workers of a run. Implementations: createX beside it;
// one law file for all (laws.ts). A promise resolves after its write is kept, and every change of status is a compare-and-set
// against the life cycle (life-cycle.ts): of two callers that race for one change, the second gets E_STATE or the newer record.
// Every method rejects with E_CLOSED after close().
import type { Resources, ResourcesUpdate } from "../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import type { Attributes, Span } from "../types/span.js";
import type {
  AttemptChanges,
  AttemptQuery,
  ChangedRollouts,
  NewRollout,
  Page,
  ResourcesQuery,
  RolloutChanges,
  RolloutQuery,
  SpanQuery,
  StoreStatistics,
  WaitOptions,
  WorkerQuery,
} from "./store-records.js";

export interface LightningStore extends AsyncDisposable {
  /** Appends to the queue, in order; each is bound to its resources, or to the latest, in their version now. @throws E_ARGUMENT, E_NOT_FOUND (resources) */
  enqueue(rollouts: readonly NewRollout[]): Promise<readonly Rollout[]>;
  /**
   * Takes at most `limit` (default 1) rollouts off the queue, oldest first, with a new attempt each. An empty queue: [] at once without
   * options, else waits until something is queued; [] after the timeout. An aborted wait has taken nothing. @throws E_ARGUMENT, signal.reason
   */
  claim(workerId: string | null, limit?: number, options?: WaitOptions): Promise<readonly AttemptedRollout[]>;
  /** Takes this one off the queue, with a new attempt; of callers that race for it one gets it. @throws E_NOT_FOUND, E_STATE when it is not queued */
  claimRollout(rolloutId: string, workerId?: string | null): Promise<AttemptedRollout>;
  /** Creates a rollout and its first attempt without the queue. @throws E_ARGUMENT, E_NOT_FOUND (resources) */
  startRollout(rollout: NewRollout, workerId?: string | null): Promise<AttemptedRollout>;
  /** Starts a further attempt at once, whatever maxAttempts says. @throws E_NOT_FOUND, E_STATE when the rollout has ended */
  startAttempt(rolloutId: string, workerId?: string | null): Promise<AttemptedRollout>;

  /** The rollout, with its latest attempt where it has one. @throws E_NOT_FOUND */
  getRollout(rolloutId: string): Promise<Rollout | AttemptedRollout>;
  /** Rollouts, with their latest attempt where they have one. @throws E_ARGUMENT */
  queryRollouts(query?: RolloutQuery): Promise<Page<Rollout | AttemptedRollout>>;
  /** Changes the fields that are present; "queuing" and "requeuing" put it into the queue again. @throws E_NOT_FOUND, E_STATE, E_ARGUMENT */
  updateRollout(rolloutId: string, changes: RolloutChanges): Promise<Rollout>;
  /** Ends a rollout as cancelled; one already cancelled stays so. @throws E_NOT_FOUND, E_STATE when it ended otherwise */
  cancel(rolloutId: string): Promise<Rollout>;
  /** Forgets ended rollouts with their attempts and spans, all or none; an id that is not kept is passed over. @throws E_STATE when one has not ended */
  deleteRollouts(rolloutIds: readonly string[]): Promise<void>;
  /**
   * Rollouts that changed after the cursor, as they are now, by their last change; without one, all. A change is of the rollout's own
   * fields or of an attempt's beginning, status, worker or metadata; a sign of life alone is none, and what was deleted is not told.
   * None is missed; one may come again. @param limit  default 1000; fewer items: there are no more now @throws E_ARGUMENT
   */
  changes(since?: string, limit?: number): Promise<ChangedRollouts>;
  /** Resolves when all have ended, or after the timeout, with those that have ended, in the order asked. @throws E_NOT_FOUND, E_ARGUMENT, signal.reason */
  waitForRollouts(rolloutIds: readonly string[], options?: WaitOptions): Promise<readonly Rollout[]>;

  /** The latest attempt, null before the first. @throws E_NOT_FOUND */
  getLatestAttempt(rolloutId: string): Promise<Attempt | null>;
  /** Attempts of one rollout. @throws E_NOT_FOUND, E_ARGUMENT */
  queryAttempts(rolloutId: string, query?: AttemptQuery): Promise<Page<Attempt>>;
  /** Changes the fields that are present, and the rollout and worker with it. @throws E_NOT_FOUND, E_STATE, E_ARGUMENT */
  updateAttempt(rolloutId: string, attemptId: string | "latest", changes: AttemptChanges): Promise<Attempt>;

  /** Keeps spans and counts as a sign of life; null in place of a span already kept for its attempt. All or none. @throws E_NOT_FOUND, E_ARGUMENT */
  addSpans(spans: readonly Span[]): Promise<readonly (Span | null)[]>;
  /** The next free place in the rollout's order of spans, from 1, above every span kept. @throws E_NOT_FOUND */
  nextSequenceId(rolloutId: string): Promise<number>;
  /** Spans of one rollout, in the rollout's order unless told otherwise. @throws E_NOT_FOUND, E_ARGUMENT */
  querySpans(rolloutId: string, query?: SpanQuery): Promise<Page<Span>>;

  /** Keeps a new bundle as version 1; it becomes the latest. @throws E_ARGUMENT */
  addResources(resources: Resources): Promise<ResourcesUpdate>;
  /** Keeps the bundle under this id as its next version (1 when new); it becomes the latest. @throws E_ARGUMENT */
  updateResources(resourcesId: string, resources: Resources): Promise<ResourcesUpdate>;
  /** The bundle in its newest version, or in the one asked for. @throws E_NOT_FOUND */
  getResources(resourcesId: string, version?: number): Promise<ResourcesUpdate>;
  /** The bundle changed last, null when there is none. */
  getLatestResources(): Promise<ResourcesUpdate | null>;
  /** Bundles in their newest version. @throws E_ARGUMENT */
  queryResources(query?: ResourcesQuery): Promise<Page<ResourcesUpdate>>;

  /** A worker's sign of life, which also makes it known. @throws E_ARGUMENT */
  heartbeat(workerId: string, stats?: Attributes): Promise<Worker>;
  /** @throws E_NOT_FOUND */
  getWorker(workerId: string): Promise<Worker>;
  /** @throws E_ARGUMENT */
  queryWorkers(query?: WorkerQuery): Promise<Page<Worker>>;

  /** How much is kept. */
  statistics(): Promise<StoreStatistics>;
  /** Ends the watchdog and rejects waits, of claims too, with E_CLOSED; once more does nothing. */
  close(): Promise<void>;
}
