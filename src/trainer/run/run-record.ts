// What a run has done so far, and where that is kept: its metrics file and its checkpoint, from which it goes on.
import type { LightningStore } from "../../store/store.js";
import type { Metrics } from "../../types/metrics.js";
import { cancelLeftovers, type RunCheckpoint } from "./checkpoint.js";
import { createFitPlaces, type FitPlaces } from "./fit-places.js";
import type { MetricsFile } from "./metrics-file.js";

export interface RunRecord {
  /** Training steps taken, those before a resumed checkpoint included. */
  readonly steps: number;
  readonly fits: FitPlaces;
  /** Once: goes on from the checkpoint where there is one. Rejects as RunCheckpoint.load does. */
  resume(): Promise<void>;
  /** Numbers of an evaluation, which stand in the line of the next step. */
  evaluated(metrics: Metrics): void;
  /** Counts a step and keeps it. @returns its numbers with those of the evaluations before it. Rejects when a file cannot be written */
  stepped(metrics: Metrics): Promise<Metrics>;
}

export interface RunRecordParts {
  readonly store: LightningStore;
  readonly checkpoint: RunCheckpoint;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  readonly file: MetricsFile | undefined;
  /** Told that it goes on. */
  say(line: string): void;
}

export function createRunRecord(parts: RunRecordParts): RunRecord {
  const { store, checkpoint, file } = parts;
  const fits = createFitPlaces();
  let steps = 0;
  let lastEvaluation: Metrics = {};
  let isResumed = false;
  const save = () => checkpoint.save({ steps, fits: fits.counts, lastEvaluation });
  return {
    fits,
    get steps() {
      return steps;
    },
    async resume() {
      if (isResumed) return;
      await file?.prepare();
      const state = await checkpoint.load();
      if (state === null) {
        await save();
      } else {
        ({ steps, lastEvaluation } = state);
        fits.restore(state.fits);
        await file?.rewind(steps);
        await cancelLeftovers(store, checkpoint.run);
        parts.say(`run ${checkpoint.run} goes on at step ${steps}, from ${checkpoint.file}`);
      }
      isResumed = true;
    },
    evaluated(metrics) {
      lastEvaluation = { ...lastEvaluation, ...metrics };
    },
    async stepped(own) {
      const metrics = { ...own, ...lastEvaluation };
      steps += 1;
      fits.step();
      lastEvaluation = {};
      await file?.write(metrics);
      if (steps % parts.checkpointEvery === 0) await save();
      return metrics;
    },
  };
}
