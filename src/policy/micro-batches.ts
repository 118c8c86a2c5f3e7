// Sequences divided into micro-batches that the engine computes at once (the division is native: a function of the batch and the token
// budget), and the way of their numbers in and out. T numbers, one for each of a sequence's tokens[1..], laid end to end.
import type { NativeEngine, NativeScores } from "./binding.js";
import { fromNative } from "./native-error.js";
import type { FlatSequences } from "./token-ids.js";
import { concatenate } from "./token-ids.js";

/** Some sequences of a batch, laid end to end in forest order. */
export interface MicroBatch extends FlatSequences {
  /** Where each of its sequences stands in the batch. */
  readonly members: readonly number[];
}

/** Which weights compute. */
export interface ForwardOptions {
  /** Adapter handle, -1 is the base model. */
  readonly adapter: number;
  readonly temperature: number;
}

/** The whole batch as micro-batches. */
export function divideBatch(engine: NativeEngine, batch: FlatSequences): MicroBatch[] {
  const { order, ends } = engine.divide(batch);
  return Array.from(ends, (end, m) => {
    const members = Array.from(order.subarray(m === 0 ? 0 : ends[m - 1], end));
    const sequences = members.map((s) => batch.tokens.subarray(batch.offsets[s], batch.offsets[s + 1]));
    return { members, ...concatenate(sequences) };
  });
}

/** One forward pass of one micro-batch. `keep`: a backward pass follows. */
export function forward(
  who: string,
  engine: NativeEngine,
  { tokens, offsets }: MicroBatch,
  options: ForwardOptions & { readonly keep: boolean },
): Promise<NativeScores> {
  return fromNative(who, () => engine.forward({ tokens, offsets, ...options }));
}

/** Room for the (T) numbers of a batch. */
export function createScores({ tokens, offsets }: FlatSequences): NativeScores {
  const count = tokens.length - (offsets.length - 1);
  return { logprobs: new Float32Array(count), entropies: new Float32Array(count) };
}

/** Writes the numbers of a micro-batch where they stand in the batch. */
export function place(
  scores: NativeScores,
  batch: FlatSequences,
  micro: MicroBatch,
  all: NativeScores,
): void {
  forEachMember(batch, micro, (begin, at, length) => {
    all.logprobs.set(scores.logprobs.subarray(at, at + length), begin);
    all.entropies.set(scores.entropies.subarray(at, at + length), begin);
  });
}

/** The numbers of a micro-batch out of those of the batch. */
export function gather<T extends Float32Array | Float64Array>(
  values_T: T,
  batch: FlatSequences,
  micro: MicroBatch,
): T {
  const out = values_T.slice(0, micro.tokens.length - micro.members.length) as T;
  forEachMember(batch, micro, (begin, at, length) => out.set(values_T.subarray(begin, begin + length), at));
  return out;
}

/** The numbers of each sequence, copied. */
export function splitBySequence(values_T: Float32Array, { offsets }: FlatSequences): Float32Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, s) =>
    values_T.slice((offsets[s] ?? 0) - s, (offsets[s + 1] ?? 0) - s - 1),
  );
}

// --- internal ---

// begin: where the member's numbers stand in the batch; at: where in the micro-batch.
function forEachMember(
  batch: FlatSequences,
  micro: MicroBatch,
  visit: (begin: number, at: number, length: number) => void,
): void {
  for (const [m, s] of micro.members.entries()) {
    const begin = (batch.offsets[s] ?? 0) - s;
    const at = (micro.offsets[m] ?? 0) - m;
    visit(begin, at, (micro.offsets[m + 1] ?? 0) - m - 1 - at);
  }
}
