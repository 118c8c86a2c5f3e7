// Model calls merged into training rows: a call joins the row whose tokens, prompts and responses so far, its prompt starts with.
// The rule of Agent Lightning 1.0 (exact token prefix of the prompt alone); every other call opens a row of its own.
import type { Trajectory, Transition } from "../types/transition.js";

/**
 * Rows of calls, in the order of their first call. A call continues a row only of its own attempt, agent, adapter and temperature; of
 * several rows it continues the longest. Calls with equal prompts (best of n) stay apart, each a row unless a later prompt continues it.
 * Calls without prompt or response ids hold nothing to train and are left out.
 * @param transitions  in the order of the calls
 */
export function toTrajectories(transitions: readonly Transition[]): Trajectory[] {
  const rows: Row[] = [];
  for (const transition of transitions) {
    if (transition.promptIds.length === 0 || transition.responseIds.length === 0) continue;
    const row = findRow(rows, transition);
    if (row === undefined) rows.push(openRow(transition));
    else continueRow(row, transition);
  }
  return rows.map(toTrajectory);
}

// --- internal ---

/** Lists have one entry a token; the entry of the first token, never sampled, is cut at the end. */
interface Row {
  readonly transitions: [Transition, ...Transition[]];
  readonly tokens: number[];
  readonly mask: number[];
  readonly logprobs: number[];
}

function openRow(transition: Transition): Row {
  const row: Row = { transitions: [transition], tokens: [], mask: [], logprobs: [] };
  append(row, transition);
  return row;
}

function continueRow(row: Row, transition: Transition): void {
  row.transitions.push(transition);
  append(row, transition);
}

function append({ tokens, mask, logprobs }: Row, { promptIds, responseIds, ...sampled }: Transition): void {
  const forced = new Set(sampled.forced);
  for (let i = tokens.length; i < promptIds.length; i++) {
    tokens.push(promptIds[i] ?? 0);
    mask.push(0);
    logprobs.push(0);
  }
  responseIds.forEach((id, i) => {
    tokens.push(id);
    mask.push(forced.has(i) ? 0 : 1);
    logprobs.push(sampled.logprobs?.[i] ?? 0);
  });
}

function findRow(rows: readonly Row[], transition: Transition): Row | undefined {
  let found: Row | undefined;
  for (const row of rows) {
    if (row.tokens.length <= (found?.tokens.length ?? 0)) continue;
    if (isSameSampler(row.transitions[0], transition) && startsWith(transition.promptIds, row.tokens))
      found = row;
  }
  return found;
}

function isSameSampler(a: Transition, b: Transition): boolean {
  return (
    a.rolloutId === b.rolloutId &&
    a.attemptId === b.attemptId &&
    a.agent === b.agent &&
    a.adapter === b.adapter &&
    a.temperature === b.temperature
  );
}

function startsWith(ids: readonly number[], prefix: readonly number[]): boolean {
  return prefix.length <= ids.length && prefix.every((id, i) => id === ids[i]);
}

function toTrajectory({ transitions, tokens, mask, logprobs }: Row): Trajectory {
  const { rolloutId, attemptId, agent, temperature, adapter } = transitions[0];
  const hasLogprobs = transitions.every((transition) => transition.logprobs !== null);
  return {
    rolloutId,
    attemptId,
    agent,
    tokens,
    mask: mask.slice(1),
    sampledLogprobs: hasLogprobs ? logprobs.slice(1) : null,
    temperature,
    adapter,
    transitions,
  };
}
