import { expect, it } from "vitest";
import type { ModelApi } from "../../src/tracing/model-api.js";
import { refusalResponse } from "../../src/tracing/refusal.js";

const kOurs = { code: "rollout_over" as const, message: "too late" };

it.each<[ModelApi | undefined, object]>([
  [undefined, { error: { message: "too late", code: "rollout_over", type: "invalid_request_error" } }],
  ["openai.response", { error: { message: "too late", code: "rollout_over" } }],
  ["anthropic.message", { type: "error", error: { type: "invalid_request_error", message: "too late" } }],
  [
    "anthropic.count_tokens",
    { type: "error", error: { type: "invalid_request_error", message: "too late" } },
  ],
  ["ollama.chat", { error: "too late" }],
  ["google.generate_content", { error: { code: 400, status: "FAILED_PRECONDITION", message: "too late" } }],
])("a call that nobody answers is refused in the shape of its interface: %s", async (api, shape) => {
  const response = refusalResponse(kOurs, api);
  expect([response.status, response.headers.get("x-should-retry")]).toEqual([400, "false"]);
  expect(await response.json()).toMatchObject(shape);
});
