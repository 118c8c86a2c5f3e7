// A store as lines of JSON, for backup and for moving between backends: a header, resources in all versions, each rollout with its
// attempts and spans, workers, and a last line that shows that nothing is missing.
import { argumentError } from "../base/check.js";
import { wallClock } from "../base/clock.js";
import { LightningError } from "../base/error.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { Span } from "../types/span.js";
import type { LightningStore } from "./store.js";
import {
  alreadyKnown,
  canTransfer,
  type TransferBatch,
  type TransferredRollout,
} from "./transfer-contract.js";
import { readTransfer } from "./transfer-reader.js";
import { kTransferFormat, kTransferVersion } from "./transfer-records.js";

export interface TransferCounts {
  readonly resources: number;
  readonly rollouts: number;
  readonly spans: number;
  readonly workers: number;
}

/** Lines without their ends. A rollout that changes meanwhile is read again, so that it is whole. */
export async function* exportLines(store: LightningStore): AsyncGenerator<string> {
  const counts = { resources: 0, rollouts: 0, spans: 0, workers: 0 };
  yield JSON.stringify({
    format: kTransferFormat,
    version: kTransferVersion,
    exportTime: wallClock.now() / 1000,
  });
  const versions: ResourcesUpdate[] = [];
  for await (const { resourcesId, version } of pages((page) => store.queryResources(page)))
    for (let v = 1; v <= version; v++) versions.push(await store.getResources(resourcesId, v));
  const latest = await store.getLatestResources();
  const isLatest = (update: ResourcesUpdate) =>
    update.resourcesId === latest?.resourcesId && update.version === latest.version;
  // In the order in which they became the latest.
  versions.sort(
    (a, b) =>
      Number(isLatest(a)) - Number(isLatest(b)) || a.updateTime - b.updateTime || a.version - b.version,
  );
  for (const resources of versions) yield JSON.stringify({ kind: "resources", resources });
  counts.resources = versions.length;
  for await (const { rolloutId } of pages((page) => store.queryRollouts(page))) {
    const { rollout, attempts, spans } = await readWhole(store, rolloutId);
    yield JSON.stringify({ kind: "rollout", rollout, attempts, spans: spans.length });
    for (const span of spans) yield JSON.stringify({ kind: "span", span });
    counts.rollouts++;
    counts.spans += spans.length;
  }
  for await (const worker of pages((page) => store.queryWorkers(page))) {
    yield JSON.stringify({ kind: "worker", worker });
    counts.workers++;
  }
  yield JSON.stringify({ kind: "end", counts });
}

/**
 * Reads lines twice: first to see that they are whole and that none of their ids is known here, then to keep them, each rollout at once.
 * @param lines  gives the same lines each time
 * @param signal  aborts between two rollouts
 * @throws E_ARGUMENT for a foreign, newer or damaged file, or a store that cannot take records; E_STATE when an id is known; whatever cuts it
 *   short, with the line that it came to and what was kept until then
 */
export async function importLines(
  store: LightningStore,
  lines: () => AsyncIterable<string>,
  signal?: AbortSignal,
): Promise<TransferCounts> {
  if (!canTransfer(store))
    throw argumentError(
      "store import",
      "a store that takes finished records; open the database itself",
      "one that does not",
    );
  for await (const batch of readTransfer(lines())) {
    if (signal?.aborted) throw cut(signal.reason, 0, kNothing);
    await checkUnknown(store, batch);
  }
  const counts = { ...kNothing };
  let line = 0;
  const counted = async function* () {
    for await (const text of lines()) {
      line++;
      yield text;
    }
  };
  try {
    for await (const batch of readTransfer(counted())) {
      signal?.throwIfAborted();
      await store.importRecords(batch);
      counts.resources += batch.resources?.length ?? 0;
      counts.rollouts += batch.rollouts?.length ?? 0;
      counts.spans += batch.rollouts?.reduce((sum, { spans }) => sum + spans.length, 0) ?? 0;
      counts.workers += batch.workers?.length ?? 0;
    }
  } catch (error) {
    throw cut(error, line, counts);
  }
  return counts;
}

// --- internal ---

const kNothing: TransferCounts = { resources: 0, rollouts: 0, spans: 0, workers: 0 };

function cut(error: unknown, line: number, { resources, rollouts, spans, workers }: TransferCounts) {
  const kept = `${rollouts} rollouts, ${spans} spans, ${resources} versions of resources, ${workers} workers`;
  const why = error instanceof Error ? error.message : String(error);
  const rest = `store import: cut short at line ${line}: ${why}; kept until then: ${kept}`;
  return new LightningError(error instanceof LightningError ? error.code : "E_STORE", rest, { cause: error });
}

const kPage = 500;
const kReadings = 5;

async function readWhole(store: LightningStore, rolloutId: string): Promise<TransferredRollout> {
  for (let reading = 1; ; reading++) {
    const before = await readState(store, rolloutId);
    const spans: Span[] = [];
    for await (const span of pages((page) => store.querySpans(rolloutId, page))) spans.push(span);
    const after = await readState(store, rolloutId);
    const known = new Set(after.attempts.map(({ attemptId }) => attemptId));
    if (JSON.stringify(before) === JSON.stringify(after) || reading === kReadings)
      return { ...after, spans: spans.filter(({ attemptId }) => known.has(attemptId)) };
  }
}

async function readState(store: LightningStore, rolloutId: string) {
  const { attempt: _attempt, ...rollout } = { attempt: undefined, ...(await store.getRollout(rolloutId)) };
  const { items: attempts } = await store.queryAttempts(rolloutId, { sortBy: "sequenceId" });
  return { rollout, attempts };
}

async function checkUnknown(
  store: LightningStore,
  { resources = [], rollouts = [], workers = [] }: TransferBatch,
) {
  for (const { resourcesId } of resources)
    if (await exists(store.getResources(resourcesId))) alreadyKnown("the resources", resourcesId);
  for (const { rollout } of rollouts)
    if (await exists(store.getRollout(rollout.rolloutId))) alreadyKnown("rollout", rollout.rolloutId);
  for (const { workerId } of workers)
    if (await exists(store.getWorker(workerId))) alreadyKnown("worker", workerId);
}

async function exists(found: Promise<unknown>): Promise<boolean> {
  try {
    await found;
    return true;
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_NOT_FOUND") return false;
    throw error;
  }
}

async function* pages<T>(
  query: (page: {
    readonly limit: number;
    readonly offset: number;
  }) => Promise<{ readonly items: readonly T[] }>,
): AsyncGenerator<T> {
  for (let offset = 0; ; offset += kPage) {
    const { items } = await query({ limit: kPage, offset });
    yield* items;
    if (items.length < kPage) return;
  }
}
