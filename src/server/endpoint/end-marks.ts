// The tokens that a chat template may write where an answer ends.
import type { Policy } from "../../policy/policy.js";

export interface EndMark {
  readonly id: number;
  readonly text: string;
  readonly isStop: boolean;
}

/** Longer ones first: one may begin with another. */
export function endMarks({ tokenizer, config }: Pick<Policy, "tokenizer" | "config">): readonly EndMark[] {
  const ids = new Set([...config.eosTokenIds, ...tokenizer.specialIds]);
  return [...ids]
    .map((id) => ({ id, text: tokenizer.decode([id]), isStop: config.eosTokenIds.includes(id) }))
    .filter(({ text }) => text !== "")
    .sort((a, b) => b.text.length - a.text.length);
}
