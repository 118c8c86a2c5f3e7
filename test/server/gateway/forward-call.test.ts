import { describe, expect, it } from "vitest";
import { gatewayApp, openGateway } from "./app.js";
import { type Answer, sendJson, withUpstream } from "./upstream.js";

describe("a model server that refuses to the last", () => {
  it.each<[number, unknown]>([
    [408, { error: "slow" }],
    [409, { error: { message: "busy" } }],
    [429, { error: { message: "too many", code: 7 } }],
    [500, { detail: [1, 2] }],
    [503, null],
    [418, { teapot: true }],
  ])("has its last answer passed on: %s %j", async (status, body) => {
    const answer: Answer = (_, response) => sendJson(response, status, body);
    await withUpstream(answer, async (url) => {
      const { call, create, ask } = openGateway({ maxTries: 3 });
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await create();
      const answered = await ask(id);
      expect([answered.status, answered.json]).toEqual([status, body]);
      expect(answered.headers.get("content-type")).toBe("application/json");
      const [event] = (await call("GET", `/api/rollouts/${id}/events`)).json;
      expect([event.data.http_status, event.data.response, event.data.status]).toEqual([
        status,
        body,
        "error",
      ]);
    });
  });

  it("is passed on as the text that it sent, the last of several", async () => {
    let count = 0;
    const answer: Answer = (_, response) =>
      response.writeHead(502, { "content-type": "text/html" }).end(`<p>${++count}</p>`);
    await withUpstream(answer, async (url) => {
      const { store, call, create } = openGateway({ maxTries: 3 });
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const path = `/proxy/rollout/${await create()}/attempt/0/mode/val/openai/v1/completions`;
      const app = gatewayApp(store, { modelName: "m", maxTries: 3, retryDelayMs: 1 });
      const response = await app.request(path, { method: "POST", body: "{}" });
      expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
        ...[502, "text/html", "<p>3</p>"],
      ]);
    });
  });
});
