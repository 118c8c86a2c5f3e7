// Run by sharing.test.ts and killed by it: works on rollouts without end and tells its parent what the store has acknowledged.
//   node endless-load.mjs FILE DRIVER
import { openStore } from "../../../dist/store/open-store.js";

const [path, driver] = process.argv.slice(2);
const store = await openStore(`sqlite:${path}`, { driver });
const tell = (rolloutId, step) => process.send({ rolloutId, step });
const work = async () => {
  for (;;) {
    const rollout = await store.startRollout({ input: "x".repeat(200) });
    const { rolloutId, attempt } = rollout;
    tell(rolloutId, 2);
    await store.addSpans([1, 2, 3, 4].map((sequenceId) => toSpan(rolloutId, attempt.attemptId, sequenceId)));
    tell(rolloutId, 3);
    await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    tell(rolloutId, 4);
    const [queued] = await store.enqueue([{ input: 1 }]);
    tell(queued.rolloutId, 1);
    // Do not bury the parent in messages.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
await Promise.all(Array.from({ length: 16 }, work));

function toSpan(rolloutId, attemptId, sequenceId) {
  return {
    ...{ rolloutId, attemptId, sequenceId, name: "step", parentId: null, events: [] },
    ...{
      traceId: "1".repeat(32),
      spanId: `${sequenceId}`.repeat(16),
      status: { code: "OK", description: null },
    },
    ...{ startTime: 1, endTime: 2, attributes: { text: "y".repeat(500) } },
  };
}
