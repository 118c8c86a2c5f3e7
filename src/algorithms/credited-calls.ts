// From terms of credit to advantages: each term normalised within its sets, a call's advantage their weighted sum.
import { argumentError } from "../base/check.js";
import { advantages, type GroupAdvantageOptions } from "../policy/advantages.js";
import type { Credit, CreditCall, CreditGroup, CreditRollout, CreditTerm } from "../types/credit.js";
import type { RolloutResult, TaskGroup } from "../types/task-group.js";
import type { Transition } from "../types/transition.js";

/** How an algorithm compares numbers for which a term leaves it to it, over all groups of a step. @returns one for each, in order */
export type Compare = (numbers: readonly ComparedNumber[]) => ArrayLike<number>;

export interface ComparedNumber {
  /** NaN is none. */
  readonly value: number;
  /** Numbers are compared with those of their own set. */
  readonly set: string;
  /** Tokens that the policy chose in the rollout, or call, that it is of. */
  readonly tokens: number;
}

export interface CreditedRollout {
  readonly rollout: RolloutResult;
  /** What all its calls get alike. */
  readonly ofRollout: number;
  /** What each call gets besides; empty where no term is by call. */
  readonly ofCalls: ReadonlyMap<Transition, number>;
}

export interface CreditedGroup {
  readonly group: TaskGroup;
  readonly rollouts: readonly CreditedRollout[];
  /** Calls that a term by call compares with another, of all; null where no term compares calls. */
  readonly anchored: { readonly calls: number; readonly of: number } | null;
}

/** Group by group in order. @throws E_ARGUMENT for terms that are none, or that differ in number from group to group */
export function creditGroups(
  groups: readonly TaskGroup[],
  credit: Credit,
  compare: Compare,
): CreditedGroup[] {
  const members = groups.map((group) => toMember(group, credit));
  const count = Math.max(0, ...members.map(({ terms }) => terms.length));
  const uneven = members.find(({ terms }) => terms.length !== count);
  if (uneven !== undefined)
    throw argumentError("credit", `${count} terms for every group of the step`, uneven.terms.length);
  const sums = members.map(({ group, calls_G }) => ({
    rollouts: group.rollouts.map(() => 0),
    calls: calls_G.flat().map(() => 0),
  }));
  for (let k = 0; k < count; k++) {
    for (const [m, values] of normalise(members, k, compare).entries()) {
      const { of, weight } = termAt(members[m], k);
      const sum = sums[m]?.[of === "rollout" ? "rollouts" : "calls"] ?? [];
      values.forEach((value, i) => {
        sum[i] = (sum[i] ?? 0) + weight * value;
      });
    }
  }
  return members.map((member, m) => toCredited(member, sums[m] ?? { rollouts: [], calls: [] }));
}

/** GRPO's and its kin's: baseline and scale of `advantages.group`. */
export function compareBy(options: GroupAdvantageOptions): Compare {
  return (numbers) =>
    advantages.group(
      numbers.map(({ value }) => value),
      numbers.map(({ set }) => set),
      options,
    );
}

// --- internal ---

interface Member {
  readonly group: TaskGroup;
  /** Of each rollout, in the order in which they began. */
  readonly calls_G: readonly (readonly Transition[])[];
  readonly terms: readonly CreditTerm[];
}

function toMember(group: TaskGroup, credit: Credit): Member {
  const calls_G = group.rollouts.map(({ trajectories }) =>
    trajectories.flatMap(({ transitions }) => transitions).toSorted((a, b) => a.order - b.order),
  );
  const terms: unknown = credit(toCreditGroup(group, calls_G));
  if (!Array.isArray(terms)) throw argumentError("credit", "a list of terms", terms);
  const counts = { rollout: group.rollouts.length, call: calls_G.flat().length };
  for (const [k, term] of terms.entries()) checkTerm(`credit: term ${k}`, term, counts);
  return { group, calls_G, terms };
}

function toCreditGroup(group: TaskGroup, calls_G: Member["calls_G"]): CreditGroup {
  const rollouts = group.rollouts.map(
    ({ rolloutId, sample, reward, parts }, i): CreditRollout => ({
      ...{ rolloutId, sample, reward: reward ?? Number.NaN, parts },
      calls: (calls_G[i] ?? []).map((call) => toCreditCall(group, call)),
    }),
  );
  return { task: group.task, input: group.input, rollouts };
}

function toCreditCall(group: TaskGroup, call: Transition): CreditCall {
  const { spanId, agent, adapter, reward, promptIds, responseIds } = call;
  return {
    ...{ spanId, agent, adapter, reward, promptIds, responseIds },
    // Read where a rule asks for it: few do.
    get messages() {
      return group.messagesOf?.(spanId) ?? [];
    },
  };
}

function checkTerm(
  who: string,
  term: CreditTerm,
  counts: Readonly<Record<"rollout" | "call", number>>,
): void {
  const { of, values, sets, scale, weight } = term;
  const count = counts[of];
  if (count === undefined) throw argumentError(who, 'of to be "rollout" or "call"', of);
  for (const [name, list] of [["values", values] as const, ["sets", sets] as const]) {
    if (!Array.isArray(list) || list.length !== count)
      throw argumentError(who, `${name} to be ${count} numbers, one for each ${of}`, list?.length);
  }
  const bad = values.find((value) => typeof value !== "number" || Math.abs(value) === Infinity);
  if (bad !== undefined) throw argumentError(who, "values to be finite or NaN", bad);
  if (scale !== undefined && !["std", "mean", "none"].includes(scale))
    throw argumentError(who, 'scale to be "std", "mean", "none" or absent', scale);
  if (!Number.isFinite(weight)) throw argumentError(who, "weight to be a finite number", weight);
}

function termAt(member: Member | undefined, k: number): CreditTerm {
  return member?.terms[k] ?? { of: "rollout", values: [], sets: [], weight: 0 };
}

/** The k-th terms of all groups, normalised: those of one scale together. */
function normalise(members: readonly Member[], k: number, compare: Compare): number[][] {
  const out: number[][] = members.map(() => []);
  for (const scale of new Set(members.map((member) => termAt(member, k).scale))) {
    const of = members.flatMap((member, m) => (termAt(member, k).scale === scale ? [m] : []));
    const numbers = of.flatMap((m) => toNumbers(members[m], k, m));
    const values = Array.from(compareOf(scale, compare)(numbers)).values();
    for (const m of of) out[m] = termAt(members[m], k).values.map(() => values.next().value ?? Number.NaN);
  }
  return out;
}

function compareOf(scale: CreditTerm["scale"], own: Compare): Compare {
  if (scale === undefined) return own;
  if (scale === "none") return (numbers) => numbers.map(({ value }) => (Number.isNaN(value) ? 0 : value));
  return compareBy({ scale: scale === "std" ? "group" : "none" });
}

function toNumbers(member: Member | undefined, k: number, m: number): ComparedNumber[] {
  if (member === undefined) return [];
  const { of, values, sets } = termAt(member, k);
  const tokens =
    of === "call"
      ? member.calls_G.flat().map(chosenTokens)
      : member.group.rollouts.map(({ trajectories }) =>
          trajectories.reduce((sum, { mask }) => sum + mask.reduce((a, b) => a + b, 0), 0),
        );
  return values.map((value, i) => ({ value, set: `${m}/${sets[i]}`, tokens: tokens[i] ?? 0 }));
}

function chosenTokens({ responseIds, forced }: Transition): number {
  return responseIds.length - (forced?.length ?? 0);
}

function toCredited(
  { group, calls_G, terms }: Member,
  sums: { readonly rollouts: readonly number[]; readonly calls: readonly number[] },
): CreditedGroup {
  const isByCall = terms.some(({ of }) => of === "call");
  const ofCalls = sums.calls.values();
  const rollouts = group.rollouts.map((rollout, i) => {
    const calls = isByCall ? (calls_G[i] ?? []) : [];
    return {
      rollout,
      ofRollout: sums.rollouts[i] ?? 0,
      ofCalls: new Map(calls.map((call) => [call, ofCalls.next().value ?? 0])),
    };
  });
  return { group, rollouts, anchored: countAnchored(terms) };
}

function countAnchored(terms: readonly CreditTerm[]): CreditedGroup["anchored"] {
  const compared = terms.filter(({ of, scale }) => of === "call" && scale !== "none");
  const [first] = compared;
  if (first === undefined) return null;
  const sizes = compared.map(({ sets }) => {
    const counts = new Map<number | undefined, number>();
    for (const set of sets) counts.set(set, (counts.get(set) ?? 0) + 1);
    return counts;
  });
  const isAnchored = (i: number) => compared.some(({ sets }, k) => (sizes[k]?.get(sets[i]) ?? 0) > 1);
  return { calls: first.sets.filter((_, i) => isAnchored(i)).length, of: first.sets.length };
}
