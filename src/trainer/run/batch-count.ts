// How long a run is, where its batches say so: schedules fall over it.

/** Undefined where only the source knows. */
export function batchCount(batches: Iterable<unknown> | AsyncIterable<unknown>): number | undefined {
  if (Array.isArray(batches)) return batches.length;
  return batches instanceof Set ? batches.size : undefined;
}
