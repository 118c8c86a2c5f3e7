// A process of its own that uses a store of the built package; postgres-processes.test.ts starts and kills it.
//   node store-process.mjs dequeue URL SCHEMA   takes what is queued to its end until nothing is left; prints the ids, one a line
//   node store-process.mjs write URL SCHEMA     writes until it is killed; prints each write once it is acknowledged
//   node store-process.mjs enqueue URL SCHEMA   prints "ready"; enqueues one rollout at its first input; ends without closing
import { openStore } from "../../../dist/store/open-store.js";

const [role, url, schema] = process.argv.slice(2);
const store = await openStore(url, { schema });
const say = (line) => process.stdout.write(`${line}\n`);
if (role === "dequeue")
  await Promise.all(Array.from({ length: 4 }, (_, i) => dequeue(`${process.pid}-${i}`)));
else if (role === "write")
  await Promise.all(Array.from({ length: 4 }, (_, i) => write(`${process.pid}-${i}`)));
else {
  say("ready");
  process.stdin.once("data", async () => {
    await store.enqueue([{ input: "from elsewhere" }]);
    process.stdin.destroy();
  });
}
if (role === "dequeue") await store.close();

async function dequeue(worker) {
  for (;;) {
    const claimed = await store.claim(worker, 10, { timeoutMs: 1000 });
    if (claimed.length === 0) return;
    for (const { rolloutId } of claimed) say(rolloutId);
    await Promise.all(
      claimed.map(({ rolloutId, attempt }) =>
        store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" }),
      ),
    );
  }
}

async function write(worker) {
  for (;;) {
    const [queued] = await store.enqueue([{ input: worker }]);
    say(`queued ${queued.rolloutId}`);
    const [claimed] = await store.claim(worker, 1, { timeoutMs: 1000 });
    const { rolloutId, attempt } = claimed;
    say(`claimed ${rolloutId}`);
    for (let sequenceId = 1; sequenceId <= 3; sequenceId++) {
      await store.addSpans([toSpan(rolloutId, attempt.attemptId, sequenceId)]);
      say(`span ${rolloutId} ${sequenceId}`);
    }
    await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    say(`succeeded ${rolloutId}`);
  }
}

function toSpan(rolloutId, attemptId, sequenceId) {
  return {
    rolloutId,
    attemptId,
    sequenceId,
    traceId: "1".padStart(32, "0"),
    spanId: sequenceId.toString(16).padStart(16, "0"),
    parentId: null,
    name: "step",
    status: { code: "OK", description: null },
    attributes: {},
    events: [],
    startTime: 1,
    endTime: 2,
  };
}
