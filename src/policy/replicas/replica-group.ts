// Engines that hold the same weights, and what keeps them the same: a change happens on all of them or, undone, on none.
import type { NativeEngine } from "../engine/binding.js";
import { onDevice } from "../engine/native-error.js";

/** One engine of several. */
export interface Replica {
  /** Of its device, for messages. */
  readonly name: string;
  readonly engine: NativeEngine;
}

export interface ReplicaGroup<R extends Replica> {
  readonly all: readonly [R, ...R[]];
  /** What one answers. It is called at once. */
  call<T>(replica: R, work: (replica: R) => Promise<T>): Promise<T>;
  /** What all answer, in their order. @throws what the first of those that fail throws, once all have answered */
  ask<T>(work: (replica: R) => Promise<T>): Promise<T[]>;
  /** Changes all. Where some fail, `undo` takes back what the others did; where it cannot, the group has parted. @throws as `ask` */
  change<T>(work: (replica: R) => Promise<T>, undo?: (replica: R, result: T) => Promise<void>): Promise<T[]>;
  /** Some may hold other weights than others: from now on everything rejects, first of all this. */
  part(reason: unknown): never;
}

export function createReplicaGroup<R extends Replica>(all: readonly [R, ...R[]]): ReplicaGroup<R> {
  let parted: unknown;
  const call = async <T>(replica: R, work: (replica: R) => Promise<T>): Promise<T> => {
    if (parted !== undefined) throw parted;
    try {
      return await work(replica);
    } catch (error) {
      throw onDevice(error, replica.name);
    }
  };
  const settle = <T>(work: (replica: R) => Promise<T>): Promise<PromiseSettledResult<T>[]> =>
    Promise.allSettled(all.map((replica) => call(replica, work)));
  const part = (reason: unknown): never => {
    const { code, message } = reason as { readonly code?: unknown; readonly message?: unknown };
    const text = `expected replicas with the same weights, which this ended: ${message}; close the policy and load it again`;
    parted = Object.assign(new Error(text, { cause: reason }), { code });
    throw parted;
  };
  return {
    all,
    call,
    part,
    ask: async (work) => valuesOf(await settle(work)),
    async change(work, undo) {
      const outcomes = await settle(work);
      const failure = outcomes.find(isRejected);
      if (failure === undefined) return valuesOf(outcomes);
      const undone = await settle(async (replica) => {
        const outcome = outcomes[all.indexOf(replica)];
        if (outcome?.status !== "fulfilled") return;
        if (undo === undefined) throw failure.reason;
        await undo(replica, outcome.value);
      });
      if (undone.some(isRejected)) return part(failure.reason);
      throw failure.reason;
    },
  };
}

// --- internal ---

const isRejected = (outcome: PromiseSettledResult<unknown>): outcome is PromiseRejectedResult =>
  outcome.status === "rejected";

function valuesOf<T>(outcomes: readonly PromiseSettledResult<T>[]): T[] {
  return outcomes.map((outcome) => {
    if (isRejected(outcome)) throw outcome.reason;
    return outcome.value;
  });
}
