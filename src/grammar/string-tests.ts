// Several tests of a text as one automaton.
import type { StringTest } from "./alternatives.js";
import { type Automaton, combineAutomata } from "./automaton.js";
import { kMostStates } from "./regex.js";

/**
 * @param tests  at least one
 * @returns undefined when it is too large
 */
export function testsAutomaton(tests: readonly StringTest[]): Automaton | undefined {
  const [first, ...others] = tests;
  let all = first?.automaton;
  for (const { automaton } of others)
    all = all === undefined ? undefined : combineAutomata(all, automaton, "both", kMostStates);
  return all;
}
