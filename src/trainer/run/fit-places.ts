// How far each fit of a run has come. A program that is started again calls its fits in the same order: each passes over the batches that it
// took itself, whatever other fits and steps by hand the run has.

/** Where a fit stood when it was called. */
export interface FitPlace {
  /** Batches that it took in processes before this one. */
  readonly taken: number;
  /** No later fit had taken any: it may have been cut off anywhere. */
  readonly isLast: boolean;
}

export interface FitPlaces {
  /** Batches taken by each fit, in the order of the calls. */
  readonly counts: readonly number[];
  restore(counts: readonly number[]): void;
  /** Runs the next fit. One that rejects after steps of its own is forgotten: called again, it begins anew. */
  during<T>(run: (place: FitPlace) => Promise<T>): Promise<T>;
  /** A step was taken, in a fit or by hand. */
  step(): void;
}

export function createFitPlaces(): FitPlaces {
  let counts: number[] = [];
  let next = 0;
  let running: { hasStepped: boolean } | undefined;
  return {
    get counts() {
      return counts;
    },
    restore(saved) {
      counts = [...saved];
    },
    async during(run) {
      const fitNow = { hasStepped: false };
      const place = { taken: counts[next] ?? 0, isLast: next >= counts.length - 1 };
      counts[next] = place.taken;
      running = fitNow;
      try {
        const result = await run(place);
        next += 1;
        return result;
      } catch (error) {
        if (fitNow.hasStepped) counts[next] = 0;
        throw error;
      } finally {
        running = undefined;
      }
    },
    step() {
      if (running === undefined) return;
      running.hasStepped = true;
      counts[next] = (counts[next] ?? 0) + 1;
    },
  };
}
