import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { gatewayApp } from "./app.js";

const words = [
  "queuing",
  "running",
  "failed",
  "chat/completions",
  "fixed",
  "__proto__",
  "constructor",
  "0",
  "reward",
];
const keys = fc.constantFrom(
  ...[
    "status",
    "state",
    "input",
    "rollout_id",
    "event_type",
    "data",
    "value",
    "metadata",
    "config",
    "stream",
  ],
  ...[
    "model",
    "endpoint",
    "version",
    "messages",
    "retry_after_seconds",
    "reason",
    "__proto__",
    "request",
    "response",
  ],
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...words, "http://127.0.0.1:9/v1", null, true, -1, 0, 1e300, "\u0000", "\ud800"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(keys, tie("value"), { maxKeys: 5 }),
  ),
}));
const body = fc.oneof(
  json.value,
  fc.record({ status: fc.record({ state: fc.constantFrom("running", "failed") }) }),
);
const paths = fc.constantFrom(
  ...["/api/rollouts", "/api/rollouts/fixed", "/api/models", "/proxy/pause", "/proxy/resume", "/proxy/state"],
  ...["/api/rollouts/fixed/attempt/0/events", "/api/rollouts/%00/attempt/__proto__/events"],
  ...[
    "/api/rollouts/fixed/events?format=triplet",
    "/api/rollouts/terminal?after=9999999999999999",
    "/healthz",
  ],
  ...["/api/rollouts?state_in=queuing&limit=-1", "/api/rollouts?state_in=running&limit=x"],
  "/proxy/rollout/fixed/attempt/0/mode/val/openai/v1/completions",
);

describe("hostile clients of the gateway", () => {
  it("get no 5xx but for a model server that is not there, whatever they send in whatever order", async () => {
    const app = gatewayApp(createMemoryStore(), { maxTries: 1, modelName: "fixed", timeoutMs: 100 });
    const seen = new Set<number>();
    const requests = fc.record({
      method: fc.constantFrom("GET", "POST", "PATCH", "DELETE"),
      path: paths,
      body,
    });
    const known = [{ rollout_id: "fixed", input: {} }];
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: 10 }), async (sent) => {
        await app.request("/api/rollouts", { method: "POST", body: JSON.stringify(known) });
        for (const { method, path, body } of sent) {
          const text = method === "GET" ? {} : { body: JSON.stringify(body) };
          const { status } = await app.request(path, { method, ...text });
          seen.add(status);
          if (status >= 500 && !path.startsWith("/proxy/rollout"))
            throw new Error(`${method} ${path}: ${status}`);
          if (status === 500) throw new Error(`${method} ${path}: ${status}`);
        }
      }),
      { numRuns: 600 },
    );
    expect([200, 201, 204, 404, 409, 422].filter((status) => !seen.has(status))).toEqual([]);
  });
});
