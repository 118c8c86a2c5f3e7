// The server of the OTLP benchmark: the routes over a memory store, with some running attempts to send spans to.
import { createAdaptorServer } from "@hono/node-server";
import { otlpRoutes } from "../dist/server/otlp/routes.js";
import { createMemoryStore } from "../dist/store/memory-store.js";

const store = createMemoryStore();
const attempts = [];
for (let i = 0; i < 64; i++) {
  const { rolloutId, attempt } = await store.startRollout({ input: i });
  attempts.push({ rolloutId, attemptId: attempt.attemptId });
}
const server = createAdaptorServer({ fetch: otlpRoutes(store).fetch });
server.listen(0, "127.0.0.1", () => {
  process.send({ name: "listening", port: server.address().port, attempts });
});
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
