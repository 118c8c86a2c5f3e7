// Random operations, refused and accepted ones, against the pure life cycle: after each, the store shows the statuses that the life
// cycle gives, every move is in its tables, and no attempt exists that nobody asked for. Philox, so a failure repeats.
import { LightningError } from "../../base/error.js";
import { philox4x32 } from "../../base/philox.js";
import type { Attempt, AttemptStatus, Rollout, RolloutStatus } from "../../types/rollout.js";
import {
  attemptMoves,
  changeAttempt,
  changeRollout,
  hearFrom,
  isEnded,
  isQueued,
  propagate,
  rolloutMoves,
} from "../life-cycle.js";
import type { LightningStore } from "../store.js";
import { codeOf, type Law, toSpan } from "./law.js";

export const randomLaw: Law = {
  name: "follows the life cycle under random operations, and never moves a record illegally",
  async check(store, expect) {
    for (let seed = 0; seed < kSequences; seed++) {
      const random = createRandom(seed);
      const model: Model = [];
      for (let i = 0; i < kOperations; i++) {
        const [code, expected] = await operate(store, model, random);
        expect([seed, i, code]).toEqual([seed, i, expected]);
        expect([seed, i, await observe(store, model)]).toEqual([seed, i, model.map(summary)]);
      }
      for (const { rollout } of model) if (!isEnded(rollout.status)) await store.cancel(rollout.rolloutId);
    }
  },
};

// --- internal ---

const kSequences = 12;
const kOperations = 60;

/** What the life cycle says there is, oldest first. */
type Model = ModelEntry[];
interface ModelEntry {
  rollout: Rollout;
  readonly attempts: Attempt[];
  /** Rises each time it is queued. */
  queuedAt: number;
}
type Random = (below: number) => number;
/** Of the store and of the model: an error's code or "resolved". */
type Outcome = readonly [string, string];

async function operate(store: LightningStore, model: Model, random: Random): Promise<Outcome> {
  const entry = model[random(Math.max(model.length, 1))];
  if (entry === undefined || random(6) === 0) return enqueue(store, model, random);
  const attempt = entry.attempts[random(Math.max(entry.attempts.length, 1))];
  const operation = random(6);
  if (operation <= 1 || attempt === undefined) return claim(store, model);
  if (operation === 2) return updateRollout(store, model, entry, random);
  if (operation === 3) return speak(store, model, entry, attempt);
  return updateAttempt(store, model, entry, attempt, random);
}

async function enqueue(store: LightningStore, model: Model, random: Random): Promise<Outcome> {
  const retryCondition = kFailures.filter(() => random(2) === 0);
  const config = { maxAttempts: 1 + random(3), retryCondition };
  const [rollout] = await store.enqueue([{ input: model.length, config }]);
  if (rollout === undefined) return ["nothing", "resolved"];
  model.push({ rollout, attempts: [], queuedAt: nextTurn(model) });
  return ["resolved", "resolved"];
}

async function claim(store: LightningStore, model: Model): Promise<Outcome> {
  const queued = model.filter(({ rollout }) => isQueued(rollout.status));
  const [entry] = queued.toSorted((a, b) => a.queuedAt - b.queuedAt);
  const [claimed] = await store.claim("w");
  if (claimed === undefined || entry === undefined) return [String(claimed?.rolloutId), "undefined"];
  entry.attempts.push(claimed.attempt);
  entry.rollout = { ...entry.rollout, status: "preparing" };
  return [claimed.rolloutId, entry.rollout.rolloutId];
}

function updateRollout(
  store: LightningStore,
  model: Model,
  entry: ModelEntry,
  random: Random,
): Promise<Outcome> {
  const status = kRolloutStatuses[random(kRolloutStatuses.length)] ?? "failed";
  return both(
    () => store.updateRollout(entry.rollout.rolloutId, { status }),
    () => setRollout(model, entry, changeRollout(entry.rollout, { status }, 1)),
  );
}

function updateAttempt(
  store: LightningStore,
  model: Model,
  entry: ModelEntry,
  attempt: Attempt,
  random: Random,
): Promise<Outcome> {
  const status = kAttemptStatuses[random(kAttemptStatuses.length)] ?? "failed";
  return both(
    () => store.updateAttempt(attempt.rolloutId, attempt.attemptId, { status }),
    () => setAttempt(model, entry, changeAttempt(attempt, { status }, 1)),
  );
}

function speak(store: LightningStore, model: Model, entry: ModelEntry, attempt: Attempt): Promise<Outcome> {
  const span = toSpan({ ...entry.rollout, attempt }, 1 + entry.attempts.length);
  return both(
    () => store.addSpans([span]),
    () => setAttempt(model, entry, hearFrom(attempt, 1)),
  );
}

// The model goes first: what it refuses, the store has to refuse.
async function both(inStore: () => Promise<unknown>, inModel: () => void): Promise<Outcome> {
  let expected = "resolved";
  try {
    inModel();
  } catch (error) {
    if (!(error instanceof LightningError)) throw error;
    expected = error.code;
  }
  return [await codeOf(inStore()), expected];
}

function setAttempt(model: Model, entry: ModelEntry, attempt: Attempt): void {
  const index = attempt.sequenceId - 1;
  const before = entry.attempts[index]?.status ?? attempt.status;
  checkMove(attemptMoves[before], before, attempt.status);
  entry.attempts[index] = attempt;
  if (index === entry.attempts.length - 1)
    setRollout(model, entry, propagate(entry.rollout, before, attempt, 1), before);
}

function setRollout(model: Model, entry: ModelEntry, rollout: Rollout, before?: AttemptStatus): void {
  const from = entry.rollout.status;
  const revives = from === "failed" && before === "unresponsive";
  checkMove(revives ? ["running", "succeeded"] : rolloutMoves[from], from, rollout.status);
  if (isQueued(rollout.status) && !isQueued(from)) entry.queuedAt = nextTurn(model);
  entry.rollout = rollout;
}

function checkMove(moves: readonly string[], from: string, to: string): void {
  if (from !== to && !moves.includes(to))
    throw new Error(`the life cycle moved a record from ${from} to ${to}, which its table forbids`);
}

function nextTurn(model: Model): number {
  return 1 + model.reduce((last, { queuedAt }) => Math.max(last, queuedAt), 0);
}

async function observe(store: LightningStore, model: Model): Promise<unknown[]> {
  return Promise.all(
    model.map(async ({ rollout: { rolloutId } }) => {
      const { items } = await store.queryAttempts(rolloutId);
      const rollout = await store.getRollout(rolloutId);
      return summary({ rollout, attempts: [...items], queuedAt: 0 });
    }),
  );
}

function summary({ rollout, attempts }: ModelEntry): unknown {
  const end = rollout.endTime === null ? "open" : "ended";
  return [rollout.status, end, ...attempts.map(({ status, endTime }) => [status, endTime !== null])];
}

const kFailures: readonly AttemptStatus[] = ["failed", "timeout", "unresponsive"];
const kAttemptStatuses = Object.keys(attemptMoves) as AttemptStatus[];
const kRolloutStatuses = Object.keys(rolloutMoves) as RolloutStatus[];

function createRandom(seed: number): Random {
  let counter = 0;
  const bits = new Uint32Array(4);
  return (below) => {
    philox4x32([counter++, 0, 0, 0], seed, 0x57a7e, bits);
    return (bits[0] ?? 0) % below;
  };
}
