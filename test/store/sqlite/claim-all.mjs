// Run by sharing.test.ts, several at once: claims and finishes rollouts until the queue stays empty, then prints their ids.
//   node claim-all.mjs FILE DRIVER NAME
import { openStore } from "../../../dist/store/open-store.js";

const [path, driver, name] = process.argv.slice(2);
const store = await openStore(`sqlite:${path}`, { driver });
const claimed = [];
const work = async (workerId) => {
  for (;;) {
    const [rollout] = await store.claim(workerId, 1, { timeoutMs: 200 });
    if (rollout === undefined) return;
    const { rolloutId, attempt } = rollout;
    claimed.push(rolloutId);
    await store.addSpans([toSpan(rolloutId, attempt.attemptId)]);
    await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
  }
};
await Promise.all(Array.from({ length: 8 }, (_, i) => work(`${name}${i}`)));
await store.close();
console.log(JSON.stringify(claimed));

function toSpan(rolloutId, attemptId) {
  return {
    ...{ rolloutId, attemptId, sequenceId: 1, name: "step", parentId: null, events: [], attributes: {} },
    ...{ traceId: "1".repeat(32), spanId: "2".repeat(16), status: { code: "OK", description: null } },
    ...{ startTime: 1, endTime: 2 },
  };
}
