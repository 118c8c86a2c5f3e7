import { describe, expect, it } from "vitest";
import type { Span } from "../../../src/types/span.js";
import { openGateway } from "./app.js";
import { withUpstream } from "./upstream.js";

type Gateway = ReturnType<typeof openGateway>;

const tell = ({ call }: Gateway, id: string, attempt: string, type: string, data: object = {}) =>
  call("POST", `/api/rollouts/${id}/attempt/${attempt}/events`, { event_type: type, data });
const show = async ({ call }: Gateway, id: string) => {
  const { rollout, attempts } = (await call("GET", `/api/rollouts/${id}`)).json;
  const events: { event_type: string; attempt_id: string }[] = (
    await call("GET", `/api/rollouts/${id}/events`)
  ).json;
  return {
    state: rollout.status.state,
    attempts,
    events: events.map((event) => [event.attempt_id, event.event_type]),
  };
};

describe("events of a queued rollout", () => {
  it("leave it queued, whatever they are, and become spans of the attempt that takes it", async () => {
    await withUpstream(undefined, async (url) => {
      const gateway = openGateway();
      await gateway.call("POST", "/api/models", [{ model: "m", endpoint: url }]);
      const id = await gateway.create();
      await tell(gateway, id, "0", "custom", { a: 1 });
      expect((await gateway.ask(id)).status).toBe(200);
      await tell(gateway, id, "0", "reward", { value: 1 });
      const waiting = await show(gateway, id);
      expect(waiting).toEqual({
        state: "queuing",
        attempts: ["0"],
        events: ["custom", "model_request", "reward"].map((type) => ["0", type]),
      });
      expect((await gateway.move(id, "running")).status).toBe(200);
      const spans = (await gateway.store.querySpans(id)).items.map(({ name }) => name);
      expect(spans).toEqual(["gateway.custom", "openai.chat.completion", "agentlightning.annotation"]);
      expect(await show(gateway, id)).toEqual({ ...waiting, state: "running" });
    });
  });

  it("wait for a runner of ours too, and stay in order with those that come after", async () => {
    const gateway = openGateway();
    const id = await gateway.create();
    await tell(gateway, id, "0", "before");
    const [claimed] = await gateway.store.claim("runner");
    expect(claimed?.rolloutId).toBe(id);
    await tell(gateway, id, "0", "after");
    await tell(gateway, id, "0", "last");
    expect((await show(gateway, id)).events.map(([, type]) => type)).toEqual(["before", "after", "last"]);
    expect((await gateway.store.querySpans(id)).total).toBe(3);
  });

  it.each(["queuing", "requeuing"] as const)(
    "leave one queued that is %s after an attempt",
    async (status) => {
      const gateway = openGateway();
      const id = await gateway.create();
      await gateway.move(id, "running");
      await gateway.store.updateRollout(id, { status });
      await tell(gateway, id, "0", "custom");
      expect((await show(gateway, id)).state).toBe("queuing");
      expect((await gateway.store.claim("runner")).length).toBe(1);
    },
  );

  it("are kept of one that failed before anybody took it", async () => {
    const gateway = openGateway();
    const id = await gateway.create();
    await gateway.move(id, "failed");
    expect((await tell(gateway, id, "0", "custom")).status).toBe(200);
    expect(await show(gateway, id)).toEqual({ state: "failed", attempts: ["0"], events: [["0", "custom"]] });
  });

  it("are all kept when many come at once, while somebody takes it", async () => {
    const gateway = openGateway();
    const id = await gateway.create();
    const told = Array.from({ length: 50 }, (_, i) => tell(gateway, id, "0", `e${i}`));
    const taken = gateway.store.claim("runner");
    expect((await Promise.all(told)).filter(({ status }) => status !== 200)).toEqual([]);
    expect((await taken).length).toBe(1);
    const { events } = await show(gateway, id);
    expect(new Set(events.map(([, type]) => type)).size).toBe(50);
    expect(events.length).toBe(50);
  });

  it("show nowhere but with it: not as rollouts, nor among those that ended", async () => {
    const gateway = openGateway();
    const id = await gateway.create();
    await tell(gateway, id, "0", "custom");
    const states = "state_in=queuing&state_in=running&state_in=succeeded&state_in=failed";
    expect((await gateway.call("GET", `/api/rollouts?${states}`)).json.length).toBe(1);
    expect((await gateway.call("GET", "/api/rollouts/terminal")).json.total_terminal).toBe(0);
    expect((await gateway.store.claim("runner", 10)).map(({ rolloutId }) => rolloutId)).toEqual([id]);
  });
});

describe("attempts of a gateway's rollout", () => {
  it("are those that have events, by the time of their first", async () => {
    const gateway = openGateway();
    const id = await gateway.create();
    expect((await show(gateway, id)).attempts).toEqual([]);
    await tell(gateway, id, "2", "x");
    await gateway.move(id, "running");
    expect((await show(gateway, id)).attempts).toEqual(["2"]);
    for (const attempt of ["0", "2", "10"]) await tell(gateway, id, attempt, "y");
    expect((await show(gateway, id)).attempts).toEqual(["2", "0", "10"]);
  });

  it.each([
    [null, ["0"]],
    ["1", ["1", "1"]],
    ["7", []],
  ])("show the events of the last one alone: %s", async (last, shown) => {
    const gateway = openGateway();
    const id = await gateway.create();
    await gateway.move(id, "running");
    for (const attempt of ["1", "0", "1"]) await tell(gateway, id, attempt, "x");
    await gateway.call("PATCH", `/api/rollouts/${id}`, { status: { last_attempt_id: last } });
    expect((await show(gateway, id)).events.map(([attempt]) => attempt)).toEqual(shown);
  });

  it("of our own runners show the spans of the latest", async () => {
    const gateway = openGateway();
    const { store } = gateway;
    const id = await gateway.create();
    const ids: string[] = [];
    for (const name of ["first", "second"]) {
      const { attempt } = await (ids.length === 0 ? store.claimRollout(id) : store.startAttempt(id));
      ids.push(attempt.attemptId);
      const span: Span = {
        ...{ rolloutId: id, attemptId: attempt.attemptId, sequenceId: 1, traceId: "1".repeat(32), name },
        ...{ spanId: `${ids.length}`.repeat(16), parentId: null, status: { code: "OK", description: null } },
        ...{ attributes: {}, events: [], startTime: ids.length, endTime: null },
      };
      await store.addSpans([span]);
    }
    const { attempts, events } = await show(gateway, id);
    expect([attempts, events]).toEqual([ids, [[ids[1], "second"]]]);
  });
});
