// Sequences divided into micro-batches that an engine computes at once (the division is native: a function of the batch, the token budget and
// the number of engines), and the way of their numbers in and out. T numbers, one for each of a sequence's tokens[1..], laid end to end.
import type { NativePasses, NativeScores } from "./engine/binding.js";
import { fromNative } from "./engine/native-error.js";
import type { Lanes } from "./policy-parts.js";
import type { FlatSequences } from "./token-ids.js";
import { concatenate } from "./token-ids.js";

/** Some sequences of a batch, laid end to end in forest order. */
export interface MicroBatch extends FlatSequences {
  /** Where each of its sequences stands in the batch. */
  readonly members: readonly number[];
  /** What computes it. */
  readonly lane: NativePasses;
}

/** Which weights compute. */
export interface ForwardOptions {
  /** Adapter handle, -1 is the base model. */
  readonly adapter: number;
  readonly temperature: number;
}

/** The whole batch as micro-batches, dealt out to the lanes in turn. */
export function divideBatch(lanes: Lanes, batch: FlatSequences): MicroBatch[] {
  const { order, ends } = lanes[0].divide(batch, lanes.length);
  return Array.from(ends, (end, m) => {
    const members = Array.from(order.subarray(m === 0 ? 0 : ends[m - 1], end));
    const sequences = members.map((s) => batch.tokens.subarray(batch.offsets[s], batch.offsets[s + 1]));
    return { members, lane: lanes[m % lanes.length] ?? lanes[0], ...concatenate(sequences) };
  });
}

/**
 * Visits the micro-batches of every lane in order, the lanes side by side; resolves when all have ended.
 * @throws what the first of the lanes threw; the others go no further than their current micro-batch
 */
export async function forEachMicroBatch(
  microBatches: readonly MicroBatch[],
  visit: (micro: MicroBatch) => Promise<void>,
): Promise<void> {
  const lanes = [...new Set(microBatches.map(({ lane }) => lane))];
  let hasFailed = false;
  const outcomes = await Promise.allSettled(
    lanes.map(async (lane) => {
      try {
        for (const micro of microBatches) if (micro.lane === lane && !hasFailed) await visit(micro);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** One forward pass of one micro-batch. `keep`: a backward pass follows. */
export function forward(
  who: string,
  { lane, tokens, offsets }: MicroBatch,
  options: ForwardOptions & { readonly keep: boolean },
): Promise<NativeScores> {
  return fromNative(who, () => lane.forward({ tokens, offsets, ...options }));
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
