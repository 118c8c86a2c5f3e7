import { describe, expect, it } from "vitest";
import { toTransitions } from "../../../src/adapter/transitions.js";
import type { Span } from "../../../src/types/span.js";
import { gatewayApp, openGateway } from "./app.js";
import { type Answer, sendJson, withUpstream } from "./upstream.js";

describe("rollouts of the gateway", () => {
  it("are those of the store: one claimed by a runner is running, one it finished is listed as ended", async () => {
    const { store, call, create } = openGateway();
    const id = await create({ input: { data_id: "d" }, is_train: false });
    const [claimed] = await store.claim("runner");
    expect([claimed!.rolloutId, claimed!.mode, claimed!.input]).toEqual([id, "val", { data_id: "d" }]);
    expect((await call("GET", `/api/rollouts?state_in=running`)).json.length).toBe(1);
    await store.updateAttempt(id, "latest", { status: "failed", metadata: { error: "no luck" } });
    expect((await call("GET", `/api/rollouts/${id}`)).json.rollout.status).toMatchObject({
      ...{ state: "failed", error_message: "no luck" },
    });
    expect((await call("GET", "/api/rollouts/terminal")).json).toEqual({
      items: [{ rollout_id: id, state: "failed", data_id: "d", is_train: false }],
      ...{ next_after: 1, total_terminal: 1 },
    });
  });

  it("keep the ids that clients chose, for another gateway over the same store too", async () => {
    const { store, create } = openGateway();
    expect(await create({ rollout_id: "mine" })).toBe("mine");
    const other = gatewayApp(store);
    expect((await other.request("/api/rollouts/mine")).status).toBe(200);
    const again = await other.request("/api/rollouts", {
      method: "POST",
      body: JSON.stringify([{ rollout_id: "mine", input: { x: 1 } }]),
    });
    expect(((await again.json()) as { input: unknown }[])[0]?.input).toEqual({});
    expect((await store.statistics()).rollouts).toBe(1);
  });

  it("are taken by one of ten controllers that want the same one", async () => {
    const { create, move } = openGateway();
    const id = await create();
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await move(id, "running")).status),
    );
    expect(statuses.toSorted()).toEqual([200, ...new Array(9).fill(409)]);
  });

  it("stay at their place in the list of those that ended while others end", async () => {
    const { call, create, move } = openGateway();
    const ids: string[] = [];
    let after = 0;
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) ids.push(await create());
    for (const id of ids.toReversed()) {
      await move(id, "failed");
      const { items, next_after } = (await call("GET", `/api/rollouts/terminal?after=${after}`)).json;
      seen.push(...items.map((item: { rollout_id: string }) => item.rollout_id));
      after = next_after;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  it("are gone for clients after a deletion, and no runner gets one that was queued", async () => {
    const { store, call, create } = openGateway();
    const id = await create({ rollout_id: "mine" });
    expect((await call("DELETE", `/api/rollouts/${id}`)).status).toBe(204);
    expect((await call("GET", `/api/rollouts/${id}`)).status).toBe(404);
    expect((await call("GET", "/api/rollouts?state_in=failed&state_in=queuing")).json).toEqual([]);
    expect(await store.claim("runner")).toEqual([]);
    expect(await create({ rollout_id: "mine" })).toBe("mine");
    expect((await call("GET", `/api/rollouts/${id}`)).json.rollout.status.state).toBe("queuing");
  });

  it.each<[string, string, unknown]>([
    ["POST", "/api/rollouts", { input: {} }],
    ["POST", "/api/rollouts", [{ input: {}, config: { timeout_seconds: -1 } }]],
    ["POST", "/api/models", [{ model: "m", endpoint: "file:///etc/passwd" }]],
    ["POST", "/proxy/pause", { retry_after_seconds: "soon" }],
    ["PATCH", "/api/rollouts/x", { status: { state: "cancelled" } }],
  ])("refuse %s %s with a wrong body", async (method, path, body) => {
    const { call } = openGateway();
    const { status, json } = await call(method, path, body);
    expect([status, Array.isArray(json.detail)]).toEqual([422, true]);
  });
});

describe("events of the gateway", () => {
  it("are spans that adapters read: a call with its tokens, a reward after it", async () => {
    await withUpstream(undefined, async (url) => {
      const { store, call, create, move, ask } = openGateway();
      await call("POST", "/api/models", [{ model: "m", endpoint: url, version: 2 }]);
      const id = await create();
      await move(id, "running");
      await ask(id, { messages: [{ role: "user", content: "hi" }] });
      await call("POST", `/api/rollouts/${id}/attempt/0/events`, {
        event_type: "reward",
        data: { value: 0.5 },
      });
      const transitions = toTransitions((await store.querySpans(id)).items);
      expect(transitions).toMatchObject([
        {
          promptIds: [1, 2, 3],
          responseIds: [4, 5],
          logprobs: [-0.1, -0.2],
          reward: 0.5,
          finishReason: "stop",
        },
      ]);
    });
  });

  it("of calls have no credentials of their bodies, of the answer or of the server's address, and the server gets them", async () => {
    const leaky: Answer = (_, response) =>
      sendJson(response, 401, { error: { message: "Incorrect API key provided: sk-abcdefghijklmnop1234" } });
    await withUpstream(leaky, async (url, seen) => {
      const { store, call, create, move, ask } = openGateway();
      await call("POST", "/api/models", [{ model: "m", endpoint: `${url}?key=secret-0` }]);
      const id = await create();
      await move(id, "running");
      const headers = { Authorization: "Bearer secret-12345" };
      await ask(id, { messages: [], api_key: "secret-2", tools: [{ type: "mcp", headers }] });
      expect(JSON.stringify(seen)).toMatch(/secret-12345.*|secret-2/);
      const { json } = await call("GET", `/api/rollouts/${id}/events`);
      expect(json[0].data.request).toMatchObject({ api_key: "[redacted]" });
      const kept = JSON.stringify([json, (await store.querySpans(id)).items]);
      expect(kept).not.toMatch(/secret|abcdefghij/);
    });
  });

  it("show calls and rewards of a runner of ours as events", async () => {
    const { store, call, create } = openGateway();
    const id = await create();
    const [claimed] = await store.claim("runner");
    const span: Omit<Span, "sequenceId" | "spanId" | "name" | "attributes"> = {
      ...{ rolloutId: id, attemptId: claimed!.attempt.attemptId, traceId: "1".repeat(32), parentId: null },
      ...{ status: { code: "OK" as const, description: null }, events: [], startTime: 1, endTime: 2 },
    };
    const tokens = {
      prompt_token_ids: [1],
      response_token_ids: [2],
      "agentlightning.response_logprobs": [-0.5],
    };
    await store.addSpans([
      { ...span, sequenceId: 1, spanId: "a1", name: "openai.chat.completion", attributes: tokens },
      { ...span, sequenceId: 2, spanId: "a2", name: "agentlightning.annotation", attributes: { reward: 1 } },
      { ...span, sequenceId: 3, spanId: "a3", name: "search", attributes: { query: "x" } },
    ]);
    const events = (await call("GET", `/api/rollouts/${id}/events?format=triplet`)).json;
    expect(
      events.map((event: { event_type: string; data: unknown }) => [event.event_type, event.data]),
    ).toEqual([
      [
        "model_request",
        {
          ...{ prompt_token_ids: [1], response_token_ids: [2], response_log_probs: [-0.5] },
          ...{ server: { model: null, version: 0 }, http_status: 200, status: "ok" },
        },
      ],
      ["reward", { value: 1 }],
      ["search", { query: "x" }],
    ]);
  });

  it("keep, cut down, the last of several calls with one prompt", async () => {
    let count = 0;
    const answer: Answer = (_, response) =>
      sendJson(response, 200, { prompt_token_ids: [1], choices: [{ token_ids: [++count] }] });
    await withUpstream(answer, async (url) => {
      const { call, create, ask } = openGateway();
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await create();
      for (let i = 0; i < 3; i++) await ask(id);
      const events = (await call("GET", `/api/rollouts/${id}/events?format=triplet`)).json;
      expect(
        events.map((event: { data: { response_token_ids: number[] } }) => event.data.response_token_ids),
      ).toEqual([[3]]);
    });
  });
});

describe("the gateway's model proxy", () => {
  it("asks again after 500 and counts how often", async () => {
    let tries = 0;
    const answer: Answer = (_, response) => sendJson(response, ++tries < 3 ? 500 : 200, { choices: [] });
    await withUpstream(answer, async (url) => {
      const { call, create, ask } = openGateway();
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await create();
      expect((await ask(id)).status).toBe(200);
      const [event] = (await call("GET", `/api/rollouts/${id}/events`)).json;
      expect([event.data.retry_count, event.data.status, event.data.http_status]).toEqual([2, "ok", 200]);
    });
  });

  it.each<[string, Answer, number]>([
    ["the last refusal after six", (_, response) => sendJson(response, 503, {}), 503],
    ["504 after six silences", () => undefined, 504],
    ["502 for an answer without an end", (_, response) => response.writeHead(200).end("x".repeat(5000)), 502],
  ])("gives up with %s, and records it", async (_, answer, status) => {
    await withUpstream(answer, async (url, seen) => {
      const { call, create, ask } = openGateway({ timeoutMs: 50, maxAnswerBytes: 4096 });
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await create();
      expect((await ask(id)).status).toBe(status);
      expect(seen.length).toBe(6);
      const [event] = (await call("GET", `/api/rollouts/${id}/events`)).json;
      expect([event.data.status, event.data.retry_count]).toEqual(["error", 5]);
      expect((await call("GET", "/proxy/state")).json.inflight).toBe(0);
    });
  });

  it("sends all calls of a rollout to one server, and rollouts to all of them", async () => {
    const seen: string[] = [];
    const answerAs =
      (name: string): Answer =>
      (_, response) =>
        sendJson(response, 200, { choices: [], id: name });
    await withUpstream(answerAs("a"), (a) =>
      withUpstream(answerAs("b"), async (b) => {
        const { call, create, ask } = openGateway();
        await call(
          "POST",
          "/api/models",
          [a, b].map((endpoint) => ({ model: "m", endpoint })),
        );
        for (let i = 0; i < 20; i++) {
          const id = await create({ rollout_id: `rollout-${i}` });
          const first = (await ask(id)).json.id;
          expect((await ask(id)).json.id).toBe(first);
          seen.push(first);
        }
      }),
    );
    expect([...new Set(seen)].toSorted()).toEqual(["a", "b"]);
  });

  it("tells more callers than it may serve at once to come again", async () => {
    let release: (() => void) | undefined;
    const answer: Answer = (_, response) => {
      release = () => sendJson(response, 200, { choices: [] });
    };
    await withUpstream(answer, async (url, seen) => {
      const { call, create, ask } = openGateway({ maxInflight: 1 });
      await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await create();
      const first = ask(id);
      while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect((await call("GET", "/proxy/state")).json.inflight).toBe(1);
      expect((await ask(id)).status).toBe(429);
      release?.();
      expect((await first).status).toBe(200);
    });
  });
});
