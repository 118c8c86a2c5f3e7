import { describe, expect, it } from "vitest";
import { openGateway } from "./app.js";

const create = ({ call }: ReturnType<typeof openGateway>, fields: object) =>
  call("POST", "/api/rollouts", [fields]);

describe("a new rollout of the gateway", () => {
  it.each([
    [[1, "two", null]],
    ["text"],
    [7],
    [true],
    [null],
    [{}],
    [{ nested: [{ deep: null }] }],
    [0],
    [""],
  ])("may have any JSON as its input: %j", async (input) => {
    const gateway = openGateway();
    const { status, json } = await create(gateway, { input });
    expect([status, json[0].input]).toEqual([201, input]);
    const [claimed] = await gateway.store.claim("runner");
    expect(claimed?.input).toEqual(input);
  });

  it("has its defaults where id, config and metadata are null", async () => {
    const { status, json } = await create(openGateway(), {
      ...{ input: {}, rollout_id: null, config: null, metadata: null },
    });
    expect(status).toBe(201);
    expect(json[0]).toMatchObject({
      config: { timeout_seconds: 3600, local: null, k8s: null },
      metadata: { batch_idx: null, sample_idx_in_batch: null },
    });
    expect(json[0].rollout_id.length).toBeGreaterThan(10);
  });

  it.each<[object, object]>([
    [{ config: { timeout_seconds: "30" } }, { config: { timeout_seconds: 30 } }],
    [{ config: { timeout_seconds: "1.5" } }, { config: { timeout_seconds: 1.5 } }],
    [{ metadata: { batch_idx: "3" } }, { metadata: { batch_idx: 3 } }],
    [{ metadata: { sample_idx_in_batch: "-2" } }, { metadata: { sample_idx_in_batch: -2 } }],
    [
      { config: { local: { agent_class: "m:A" } } },
      { config: { local: { agent_class: "m:A", env_map: {} } } },
    ],
    [{ config: { k8s: { job_template: "x" } } }, { config: { k8s: { job_template: "x" }, local: null } }],
  ])("may say %j", async (fields, shown) => {
    const { status, json } = await create(openGateway(), { input: {}, ...fields });
    expect(status).toBe(201);
    expect(json[0]).toMatchObject(shown);
  });

  it.each<[object, string]>([
    [{}, "input"],
    [{ input: {}, config: { local: {} } }, "agent_class"],
    [{ input: {}, config: { local: { agent_class: 7 } } }, "agent_class"],
    [{ input: {}, config: { local: { agent_class: "m:A", env_map: { A: 1 } } } }, "A"],
    [{ input: {}, config: { k8s: {} } }, "job_template"],
    [{ input: {}, config: { timeout_seconds: "soon" } }, "timeout_seconds"],
    [{ input: {}, config: { timeout_seconds: "-1" } }, "timeout_seconds"],
    [{ input: {}, metadata: { batch_idx: "1.5" } }, "batch_idx"],
  ])("may not say %j", async (fields, place) => {
    const { status, json } = await create(openGateway(), fields);
    expect([status, json.detail[0].loc.at(-1)]).toEqual([422, place]);
  });
});

describe("other requests to the gateway", () => {
  it.each([{}, { status: null }, { status: {} }, { status: { state: null } }])(
    "may change nothing: PATCH %j",
    async (body) => {
      const { call, create } = openGateway();
      const id = await create();
      const { status, json } = await call("PATCH", `/api/rollouts/${id}`, body);
      expect([status, json.status.state, json.rollout_id]).toEqual([200, "queuing", id]);
    },
  );

  it("may ask for none of a list", async () => {
    const { call, create, move } = openGateway();
    await move(await create(), "failed");
    expect((await call("GET", "/api/rollouts?state_in=failed&limit=0")).json).toEqual([]);
    expect((await call("GET", "/api/rollouts/terminal?limit=0")).json).toEqual({
      ...{ items: [], next_after: 0, total_terminal: 1 },
    });
  });

  it("may write numbers as text", async () => {
    const { call } = openGateway();
    const paused = await call("POST", "/proxy/pause", { retry_after_seconds: "9" });
    expect(paused.json.retry_after_seconds).toBe(9);
    const models = await call("POST", "/api/models", [{ model: "m", endpoint: "http://a/v1", version: "4" }]);
    expect(models.json[0].version).toBe(4);
  });
});
