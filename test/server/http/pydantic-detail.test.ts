import { expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

it.each([
  ["/rollouts", { input: 1, mode: "sk-SECRET" }],
  ["/rollouts", { api_key: "sk-SECRET" }],
  ["/rollouts", ["sk-SECRET"]],
  ["/rollouts", "sk-SECRET"],
  ["/queues/rollouts/dequeue", { limit: "sk-SECRET" }],
  ["/queues/rollouts/enqueue", { rollouts: [{ input: 1, config: { max_attempts: "sk-SECRET" } }] }],
  ["/resources", { main_llm: { resource_type: "sk-SECRET" } }],
  ["/resources", { main_llm: { resource_type: "llm", api_key: "sk-SECRET" } }],
  ["/spans", { attributes: { "gen_ai.request": "sk-SECRET" } }],
])("a refused body of %s is not said again: %j", async (path, body) => {
  await using store = createMemoryStore();
  await using server = await serve({ store, port: 0 });
  const answer = await fetch(`${server.url}/v1/agl${path}`, { method: "POST", body: JSON.stringify(body) });
  const text = await answer.text();
  expect([answer.status, text.includes("SECRET")]).toEqual([422, false]);
  const cut = await fetch(`${server.url}/v1/agl${path}`, {
    method: "POST",
    body: `sk-SECRET ${JSON.stringify(body)}`,
  });
  expect([cut.status, (await cut.text()).includes("SECRET")]).toEqual([422, false]);
});
