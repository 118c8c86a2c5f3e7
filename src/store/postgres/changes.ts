// Each method that changes a store, as what it must have locked and what it then makes of it. A change throws before it changes
// anything, so one that is refused leaves the others of its transaction alone.
import type { Resources, ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Attributes, Span } from "../../types/span.js";
import { changeAttempt, changeRollout, moveRollout } from "../life-cycle.js";
import { checkConfig, checkId, checkMode, checkResources, checkSpan, toRollout } from "../new-records.js";
import { notFound } from "../not-found.js";
import { bindChanges, bindNew } from "../resources-binding.js";
import * as entries from "../rollout-entry.js";
import type { AttemptChanges, NewRollout, RolloutChanges } from "../store-records.js";
import type { Ledger } from "./ledger.js";
import { toJson } from "./text.js";

export interface Change<T> {
  /** The method, for errors. */
  readonly who: string;
  /** Rollouts that it reads and changes, as far as they exist. */
  readonly rolloutIds?: readonly string[];
  /** Needs the rollouts' inputs. */
  readonly withInput?: boolean;
  /** Bundles that it asks about; the latest is known too. */
  readonly resourcesIds?: readonly string[];
  readonly addsResources?: boolean;
  /** How many to lock of the queue, and of overdue rollouts. */
  readonly queued?: number;
  readonly late?: number;
  /** How much it writes: about the number of records. */
  readonly size: number;
  /** Spans that it would keep: which are kept already is known then. */
  readonly spans?: readonly Span[];
  /** @returns what gives the result once the workers are changed too @throws LightningError, before it changes anything */
  apply(ledger: Ledger): () => T;
}

export interface ClaimRequest {
  readonly workerId: string | null;
  readonly limit: number;
  /** Whether a worker that gets nothing is noted as having asked. */
  readonly isNoted: boolean;
}

export function enqueue(rollouts: readonly NewRollout[]): Change<readonly Rollout[]> {
  const who = "enqueue";
  for (const fields of rollouts) checkNew(who, fields);
  return {
    who,
    resourcesIds: boundTo(rollouts),
    size: rollouts.length,
    apply(ledger) {
      const records = rollouts.map((fields) => toBound(who, fields, ledger));
      for (const record of records) ledger.addRollout(record);
      return () => records;
    },
  };
}

export function startRollout(fields: NewRollout, workerId: string | null): Change<AttemptedRollout> {
  const who = "startRollout";
  checkNew(who, fields);
  return {
    who,
    resourcesIds: boundTo([fields]),
    size: 1,
    apply(ledger) {
      const entry = ledger.addRollout(toBound(who, fields, ledger));
      const started = entries.beginAttempt(ledger, entry, workerId, ledger.now);
      return () => started;
    },
  };
}

/** Serves the requests in their order from the queue in its order. */
export function claim(requests: readonly ClaimRequest[]): Change<readonly (readonly AttemptedRollout[])[]> {
  const queued = requests.reduce((sum, { limit }) => Math.min(sum + limit, kMostClaimed), 0);
  return {
    who: "claim",
    queued,
    size: requests.length,
    apply(ledger) {
      const claimed = requests.map(({ workerId, limit, isNoted }) => {
        const taken = ledger.queued.splice(0, limit);
        if (taken.length === 0 && !isNoted) return [];
        return entries.claimEntries(ledger, taken, workerId, ledger.now);
      });
      return () => claimed;
    },
  };
}

export function claimRollout(rolloutId: string, workerId: string | null): Change<AttemptedRollout> {
  const who = "claimRollout";
  if (workerId !== null) checkId(`store.${who}`, "workerId", workerId);
  return {
    who,
    rolloutIds: [rolloutId],
    withInput: true,
    size: 1,
    apply(ledger) {
      const claimed = entries.claimEntry(ledger, ledger.entryOf(who, rolloutId), workerId, ledger.now);
      return () => claimed;
    },
  };
}

export function startAttempt(rolloutId: string, workerId: string | null): Change<AttemptedRollout> {
  const who = "startAttempt";
  return {
    who,
    rolloutIds: [rolloutId],
    withInput: true,
    size: 1,
    apply(ledger) {
      const started = entries.startAttempt(ledger, ledger.entryOf(who, rolloutId), workerId, ledger.now);
      return () => started;
    },
  };
}

export function updateRollout(rolloutId: string, changes: RolloutChanges): Change<Rollout> {
  const who = "updateRollout";
  if (changes.mode !== undefined) checkMode(`store.${who}`, changes.mode);
  if (changes.config !== undefined) checkConfig(`store.${who}`, changes.config);
  toJson(`store.${who}`, changes);
  const { resourcesId } = changes;
  return {
    who,
    rolloutIds: [rolloutId],
    withInput: true,
    resourcesIds: resourcesId ? [resourcesId] : undefined,
    size: 1,
    apply(ledger) {
      const entry = ledger.entryOf(who, rolloutId);
      const bound = bindChanges(who, changes, ledger);
      ledger.setRollout(entry, changeRollout(entry.rollout, bound, ledger.now));
      entry.inputChanged ||= changes.input !== undefined;
      const { rollout } = entry;
      return () => rollout;
    },
  };
}

export function cancel(rolloutId: string): Change<Rollout> {
  return {
    who: "cancel",
    rolloutIds: [rolloutId],
    withInput: true,
    size: 1,
    apply(ledger) {
      const entry = ledger.entryOf("cancel", rolloutId);
      ledger.setRollout(entry, moveRollout(entry.rollout, "cancelled", ledger.now));
      const { rollout } = entry;
      return () => rollout;
    },
  };
}

export function updateAttempt(
  rolloutId: string,
  attemptId: string,
  changes: AttemptChanges,
): Change<Attempt> {
  const who = "updateAttempt";
  toJson(`store.${who}`, changes);
  return {
    who,
    rolloutIds: [rolloutId],
    size: 1,
    apply(ledger) {
      const entry = ledger.entryOf(who, rolloutId);
      const attempt = entries.attemptOf(who, entry, attemptId);
      const changed = entries.setAttempt(
        ledger,
        entry,
        changeAttempt(attempt, changes, ledger.now),
        ledger.now,
      );
      return () => changed;
    },
  };
}

export function addSpans(spans: readonly Span[]): Change<readonly (Span | null)[]> {
  const who = "addSpans";
  const bodies = spans.map((span) => toJson(`store.${who}`, span));
  return {
    who,
    rolloutIds: spans.map(({ rolloutId }) => rolloutId),
    spans,
    size: spans.length,
    apply(ledger) {
      for (const span of spans) {
        entries.attemptOf(who, ledger.entryOf(who, span.rolloutId), span.attemptId);
        checkSpan(span);
      }
      const kept = spans.map((span, i) => (ledger.addSpan(span, bodies[i] ?? "null") ? span : null));
      return () => kept;
    },
  };
}

export function nextSequenceId(rolloutId: string): Change<number> {
  const who = "nextSequenceId";
  return {
    who,
    rolloutIds: [rolloutId],
    size: 1,
    apply(ledger) {
      const entry = ledger.entryOf(who, rolloutId);
      entry.lastSequenceId++;
      ledger.touch(entry);
      const taken = entry.lastSequenceId;
      return () => taken;
    },
  };
}

export function updateResources(resourcesId: string, resources: Resources): Change<ResourcesUpdate> {
  const who = "updateResources";
  checkId(`store.${who}`, "resourcesId", resourcesId);
  checkResources(`store.${who}`, resources);
  toJson(`store.${who}`, resources);
  return {
    who,
    resourcesIds: [resourcesId],
    addsResources: true,
    size: 1,
    apply(ledger) {
      const known = ledger.resources.get(resourcesId);
      const createTime = known?.createTime ?? ledger.now;
      const version = (known?.version ?? 0) + 1;
      const update = { resourcesId, version, createTime, updateTime: ledger.now, resources };
      ledger.resources.set(resourcesId, { version, createTime });
      ledger.latestResourcesId = resourcesId;
      ledger.newResources.push(update);
      return () => update;
    },
  };
}

export function heartbeat(workerId: string, stats: Attributes | undefined): Change<Worker> {
  checkId("store.heartbeat", "workerId", workerId);
  toJson("store.heartbeat", stats);
  return {
    who: "heartbeat",
    size: 1,
    apply(ledger) {
      let heard: Worker | undefined;
      ledger.changeWorker(workerId, (worker) => {
        heard = {
          ...worker,
          lastHeartbeatTime: ledger.now,
          heartbeatStats: stats ?? worker.heartbeatStats,
        };
        return heard;
      });
      return () => heard ?? notFound("heartbeat", "worker", workerId);
    },
  };
}

/** Ends attempts that are overdue by the database's clock; answers how many rollouts it looked at. */
export function endOverdue(limit: number): Change<number> {
  return {
    who: "watchdog",
    late: limit,
    size: limit,
    apply(ledger) {
      for (const entry of ledger.late) entries.endOverdue(ledger, entry, ledger.now);
      return () => ledger.late.length;
    },
  };
}

// --- internal ---

/** More than anyone takes at once; a bound for the database. */
const kMostClaimed = 1_000_000;

function checkNew(who: string, fields: NewRollout): void {
  toRollout(`store.${who}`, fields, null, 0);
  toJson(`store.${who}`, fields);
}

function boundTo(rollouts: readonly NewRollout[]): readonly string[] {
  return rollouts.flatMap(({ resourcesId }) => (resourcesId ? [resourcesId] : []));
}

function toBound(who: string, fields: NewRollout, ledger: Ledger): Rollout {
  return toRollout(`store.${who}`, fields, bindNew(who, fields, ledger), ledger.now);
}
