// The server of the OTLP benchmark: what `agl store` serves, over a memory store, with some running attempts to send spans to.
import { serve } from "../dist/server/store-api/serve.js";
import { createMemoryStore } from "../dist/store/memory-store.js";

const store = createMemoryStore();
const attempts = [];
for (let i = 0; i < 64; i++) {
  const { rolloutId, attempt } = await store.startRollout({ input: i });
  attempts.push({ rolloutId, attemptId: attempt.attemptId });
}
const { port } = await serve({ store, port: 0 });
process.send({ name: "listening", port, attempts });
process.on("message", async () => {
  const { user, system } = process.cpuUsage();
  const { spans } = await store.statistics();
  process.send({
    name: "report",
    kept: spans,
    cpuSeconds: (user + system) / 1e6,
    memoryBytes: process.memoryUsage().rss,
  });
});
