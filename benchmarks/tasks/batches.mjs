// The tasks of a run, by its seed: whoever trains on them, here or elsewhere, gets the same in the same order.
import { createRandom } from "../../examples/quickstart/questions.js";

/** Rollouts of a step are tasksPerStep times the group size, 8. */
export const tasksPerStep = 16;

export function batchesOf(task, { seed, steps }) {
  const random = createRandom(seed * 104729 + 2);
  return Array.from({ length: steps }, () =>
    Array.from({ length: tasksPerStep }, () => task.randomTask(random)),
  );
}
