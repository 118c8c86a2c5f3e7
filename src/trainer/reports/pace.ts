// How long a run of known length has left, at the pace of the steps that this process took of it, evaluations between them included.
import type { RunPlace } from "../../algorithms/algorithm.js";
import { performance } from "../../base/clock.js";

export interface Pace {
  /** At a step's begin; one without a place, or of another run, begins anew. */
  begin(run: RunPlace | undefined): void;
  /** At the end of the step that began; undefined without a known length. */
  secondsLeft(): number | undefined;
}

/** @param now  milliseconds */
export function createPace(now: () => number = () => performance.now()): Pace {
  let first: { readonly at: number; readonly step: number } | undefined;
  let last: RunPlace | undefined;
  return {
    begin(run) {
      const goesOn = first !== undefined && run !== undefined && run.step === (last?.step ?? Number.NaN) + 1;
      if (!goesOn) first = run && { at: now(), step: run.step };
      last = run;
    },
    secondsLeft() {
      if (first === undefined || last === undefined) return undefined;
      const each = (now() - first.at) / 1000 / (last.step + 1 - first.step);
      return each * (last.steps - last.step - 1);
    },
  };
}
