// One transaction for a group of changes: lock and read what they need, let them work on the ledger, write what came out, commit.
// Three exchanges with the server, whatever the group's size: statements that need no answer in between are sent together.
import { LightningError } from "../../base/error.js";
import type { Worker } from "../../types/rollout.js";
import { toWorker } from "../new-records.js";
import { deadlineOfEntry } from "../rollout-entry.js";
import type { Change } from "./changes.js";
import type { Row, Session } from "./database.js";
import { type StoreEvents, toPayloads } from "./events.js";
import { channelOf, lockKeysOf } from "./identifier.js";
import { type Entry, type KnownResources, Ledger } from "./ledger.js";
import * as rows from "./rows.js";
import type { Statement, Statements } from "./sql.js";
import { fromKey, toKey } from "./text.js";

/** What became of a change. */
export type Outcome = { readonly value: unknown } | { readonly error: LightningError };

/** What a group does once it is committed. */
export interface Report {
  readonly outcomes: readonly Outcome[];
  readonly events: StoreEvents;
  /** When something that it changed becomes overdue, seconds from now; Infinity: never. */
  readonly dueInSeconds: number;
}

/** Which store of a schema commits which of its groups. */
export interface GroupName {
  readonly schema: string;
  /** The store's option. */
  readonly preparingSeconds: number;
  readonly writerId: string;
  readonly group: number;
}

export interface GroupHooks {
  /** No earlier try of this group was committed, and none will be. */
  onEntered(): void;
  /** COMMIT is about to be sent: from here on a lost connection leaves open whether the report is true. */
  onCommit(report: Report): void;
}

/**
 * @returns whether it was this call that committed; false: an earlier one with the same name had
 * @throws DatabaseFailure
 */
export async function transact(
  session: Session,
  statements: Statements,
  name: GroupName,
  changes: readonly Change<unknown>[],
  hooks: GroupHooks,
): Promise<boolean> {
  const ledger = await read(session, statements, name, changes);
  if (ledger === null) return false;
  hooks.onEntered();
  const results = apply(ledger, changes);
  const workers = await changeWorkers(session, statements, ledger);
  const outcomes = results.map((result) => (typeof result === "function" ? { value: result() } : result));
  const events = { isQueued: ledger.leavesQueued, ended: ledger.ended };
  const writes = toWrites(statements, name, ledger, workers, events);
  hooks.onCommit({ outcomes, events, dueInSeconds: dueIn(ledger) });
  await together<unknown>([
    ...writes.map(([statement, values]) => session.query(statement, values)),
    session.commit(),
  ]);
  return true;
}

// --- internal ---

type Query = readonly [Statement, readonly unknown[]];

/** Answers in order, or the first failure, which is the cause of those after it. */
async function together<T>(answers: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(answers);
  return settled.map((answer) => {
    if (answer.status === "rejected") throw answer.reason;
    return answer.value;
  });
}

async function read(
  session: Session,
  statements: Statements,
  { schema, preparingSeconds, writerId, group }: GroupName,
  changes: readonly Change<unknown>[],
): Promise<Ledger | null> {
  const { space, resources } = lockKeysOf(schema);
  const asked = toAsked(changes);
  const none: Promise<readonly Row[]> = Promise.resolve([]);
  const ask = (isAsked: boolean, statement: Statement, ...values: readonly unknown[]) =>
    isAsked ? session.query(statement, values) : none;
  const [, entered, , locked, pickedQueued, pickedLate, keptSpans, known] = await together([
    session.query({ text: "BEGIN ISOLATION LEVEL READ COMMITTED" }),
    session.query(statements.enterGroup, [writerId, group]),
    ask(asked.addsResources, statements.lockResources, space, resources),
    ask(asked.ids.length > 0, statements.lock, asked.ids, asked.inputs),
    // These wait for no row, so whatever they lock completes no circle of transactions that wait for each other.
    ask(asked.queued > 0, statements.pickQueued, asked.queued),
    ask(asked.late > 0, statements.pickOverdue, asked.late),
    ask(asked.spans.length > 0, statements.keptSpans, ...rows.spanKeyColumns(asked.spans)),
    ask(asked.asksResources, statements.knownResources, asked.resourcesIds),
  ]);
  const [first] = entered ?? [];
  if (first === undefined) return null;
  const entries = new Map<string, Entry>();
  const keep = (row: Row): Entry => {
    const entry = rows.toEntry(row);
    entries.set(entry.rollout.rolloutId, entry);
    return entry;
  };
  // What is picked comes with its input, unless the watchdog picks it; what changes ask for goes before what it picks.
  const lateEntries = (pickedLate ?? []).map(keep);
  for (const row of locked ?? []) keep(row);
  const queuedEntries = (pickedQueued ?? []).map(keep);
  const latest = known?.find((row) => row.is_latest);
  return new Ledger({
    now: first.now as number,
    preparingSeconds,
    entries,
    queued: queuedEntries,
    late: lateEntries.map((entry) => entries.get(entry.rollout.rolloutId) ?? entry),
    lateWorkers: await findWorkers(session, statements, lateEntries),
    spanKeys: new Set((keptSpans ?? []).map((row) => row.key as string)),
    resources: new Map((known ?? []).map(toKnownResources)),
    latestResourcesId: latest === undefined ? null : fromKey(latest.resources_id as string),
  });
}

/** What changes must have read or locked, together. */
function toAsked(changes: readonly Change<unknown>[]) {
  const withInput = changes.filter((change) => change.withInput);
  const idsOf = (some: readonly Change<unknown>[]) =>
    unique(some.flatMap(({ rolloutIds = [] }) => rolloutIds.map(toKey)));
  return {
    ids: idsOf(changes),
    inputs: idsOf(withInput),
    resourcesIds: unique(changes.flatMap(({ resourcesIds = [] }) => resourcesIds.map(toKey))),
    asksResources: changes.some(({ resourcesIds }) => resourcesIds !== undefined),
    addsResources: changes.some(({ addsResources }) => addsResources),
    spans: changes.flatMap(({ spans = [] }) => spans),
    queued: changes.reduce((sum, change) => sum + (change.queued ?? 0), 0),
    late: changes.reduce((sum, change) => sum + (change.late ?? 0), 0),
  };
}

/** Those who have the entries' attempts. */
async function findWorkers(
  session: Session,
  statements: Statements,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, Worker>> {
  const ids = unique(entries.flatMap(({ attempts }) => attempts.flatMap(({ workerId }) => workerId ?? [])));
  if (ids.length === 0) return new Map();
  const found = await session.query(statements.someWorkers, [ids.map(toKey)]);
  return new Map(found.map(({ body }) => [(body as Worker).workerId, body as Worker]));
}

function toKnownResources(row: Row): [string, KnownResources] {
  const known = { version: row.version as number, createTime: row.create_time as number };
  return [fromKey(row.resources_id as string), known];
}

/** Claims first: what they take is as the database gave it. Any order is one in which calls made at the same time may happen. */
function apply(ledger: Ledger, changes: readonly Change<unknown>[]): (Outcome | (() => unknown))[] {
  const results: (Outcome | (() => unknown))[] = [];
  const order = [...changes.keys()].sort((a, b) => isClaim(changes[b]) - isClaim(changes[a]) || a - b);
  for (const i of order) {
    try {
      results[i] = changes[i]?.apply(ledger) ?? (() => undefined);
    } catch (error) {
      if (!(error instanceof LightningError)) throw error;
      results[i] = { error };
    }
  }
  return results;
}

function isClaim(change: Change<unknown> | undefined): number {
  return change?.queued === undefined ? 0 : 1;
}

/** Locks those to be changed, adding those nobody knew. */
async function changeWorkers(
  session: Session,
  statements: Statements,
  { workerChanges }: Ledger,
): Promise<readonly Worker[]> {
  if (workerChanges.length === 0) return [];
  const ids = unique(workerChanges.map(({ workerId }) => workerId));
  const workers = new Map<string, Worker>();
  const keep = (row: Row) => workers.set(fromKey(row.worker_id as string), row.body as Worker);
  for (const row of await session.query(statements.lockWorkers, [ids.map(toKey)])) keep(row);
  const unknown = ids.filter((id) => !workers.has(id)).map(toWorker);
  if (unknown.length > 0)
    for (const row of await session.query(statements.addWorkers, rows.workerColumns(unknown))) keep(row);
  for (const { workerId, change } of workerChanges)
    workers.set(workerId, change(workers.get(workerId) ?? toWorker(workerId)));
  return [...workers.values()];
}

function toWrites(
  statements: Statements,
  { schema }: GroupName,
  ledger: Ledger,
  workers: readonly Worker[],
  events: StoreEvents,
): readonly Query[] {
  const { preparingSeconds } = ledger;
  const entries = [...ledger.entries.values()];
  const added = entries.filter(({ state }) => state === "new");
  const changed = entries.filter(({ state }) => state === "changed");
  const inputs = changed.filter(({ inputChanged }) => inputChanged);
  const payloads = toPayloads(events);
  const when = (count: number, statement: Statement, columns: () => readonly unknown[]): readonly Query[] =>
    count > 0 ? [[statement, columns()]] : [];
  return [
    ...when(added.length, statements.insertRollouts, () => rows.insertColumns(added, preparingSeconds)),
    ...when(changed.length, statements.updateRollouts, () => rows.updateColumns(changed, preparingSeconds)),
    ...when(inputs.length, statements.updateInputs, () => rows.inputColumns(inputs)),
    ...when(ledger.newSpans.length, statements.insertSpans, () => rows.spanColumns(ledger.newSpans)),
    ...when(workers.length, statements.updateWorkers, () => rows.workerColumns(workers)),
    ...when(ledger.newResources.length, statements.insertResources, () =>
      rows.resourcesColumns(ledger.newResources),
    ),
    ...when(ledger.deleted.length, statements.deleteRollouts, () => [ledger.deleted.map(toKey)]),
    ...when(payloads.length, statements.notify, () => [channelOf(schema), payloads]),
  ];
}

function dueIn({ entries, now, preparingSeconds }: Ledger): number {
  const written = [...entries.values()].filter(({ state }) => state !== "same");
  return Math.min(...written.map((entry) => deadlineOfEntry(entry, preparingSeconds))) - now;
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
