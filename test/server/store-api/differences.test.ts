// Where the 0.3 routes answer otherwise than 0.3's own server, each as docs/store.md lists it; and where they used to, and do not.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

const docs = readFileSync(new URL("../../../docs/store.md", import.meta.url), "utf8");

interface Answered {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test asks of it
  readonly json: any;
}
type Call = (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answered>;

async function withServer(test: (call: Call) => Promise<void>): Promise<void> {
  const store = createMemoryStore();
  await using server = await serve({ store, port: 0 });
  await test(async (path, body, headers = {}) => {
    const url = path.startsWith("/v1/") ? path : `/v1/agl${path}`;
    const sent = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(server.url + url, {
      ...(body === undefined ? {} : { method: "POST", body: sent }),
      headers: { "content-type": "application/json", ...headers },
    });
    const text = await response.text();
    return { status: response.status, text, json: text.startsWith("<") ? text : toValue(text) };
  });
  await store.close();
}

function toValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const start = async (call: Call, fields: object = {}) =>
  (await call("/rollouts", { input: 1, ...fields })).json;
const end = (call: Call, rollout: { rollout_id: string }, status: string) =>
  call(`/rollouts/${rollout.rollout_id}/attempts/latest`, { status });
const llm = { resource_type: "prompt_template", template: "{x}", engine: "f-string" };

/** By the words that the list in the documentation begins with. */
const differences: readonly (readonly [string, (call: Call) => Promise<void>])[] = [
  [
    "What stood in a refused body is not said again",
    async (call) => {
      const { status, text } = await call("/rollouts", { input: 1, mode: "sk-SECRET" });
      expect([status, text.includes("SECRET")]).toEqual([422, false]);
    },
  ],
  [
    "An unknown id is 404",
    async (call) => {
      for (const answer of [
        await call("/rollouts/ro-none"),
        await call("/rollouts/ro-none", { mode: "val" }),
        await call("/rollouts/ro-none/attempts", {}),
        await call("/rollouts/ro-none/attempts/latest", { status: "running" }),
        await call("/spans/next", { rollout_id: "ro-none", attempt_id: "at-none" }),
      ])
        expect([answer.status, typeof answer.json.detail]).toEqual([404, "string"]);
    },
  ],
  [
    "An unknown `resources_id` is 404",
    async (call) => {
      const fields = { input: 1, resources_id: "rs-none" };
      expect((await call("/queues/rollouts/enqueue", { rollouts: [fields] })).status).toBe(404);
      expect((await call("/rollouts", fields)).status).toBe(404);
      const { rollout_id } = await start(call);
      expect((await call(`/rollouts/${rollout_id}`, { resources_id: "rs-none" })).status).toBe(404);
    },
  ],
  [
    "A rollout that has ended takes no further attempt",
    async (call) => {
      const rollout = await start(call);
      await end(call, rollout, "succeeded");
      expect((await call(`/rollouts/${rollout.rollout_id}/attempts`, {})).status).toBe(409);
    },
  ],
  [
    "An attempt that has ended stays as it ended",
    async (call) => {
      const rollout = await start(call);
      await end(call, rollout, "timeout");
      expect((await end(call, rollout, "succeeded")).status).toBe(409);
    },
  ],
  [
    "A span without a place gets the next",
    async (call) => {
      const rollout = await start(call);
      for (const [i, sequence_id] of [7, 0, 0, -1].entries()) {
        const { status, json } = await call(
          "/spans",
          span(rollout, { sequence_id, span_id: `${i}`.repeat(16) }),
        );
        expect([status, json.sequence_id]).toEqual([201, 7 + i]);
      }
    },
  ],
  [
    "A rollout's `metadata` is never null",
    async (call) => {
      const { rollout_id } = await start(call, { metadata: { a: 1 } });
      expect((await call(`/rollouts/${rollout_id}`, { metadata: null })).json.metadata).toEqual({});
    },
  ],
  [
    "A rollout that is bound to resources has `resources_version`",
    async (call) => {
      expect((await start(call)).resources_version).toBe(undefined);
      const { resources_id } = (await call("/resources", { main: llm })).json;
      expect(await start(call)).toMatchObject({ resources_id, resources_version: 1 });
    },
  ],
  [
    "`/statistics` names the store and no memory",
    async (call) => {
      const { json } = await call("/statistics");
      expect([json.name, Object.keys(json).filter((key) => key.endsWith("_bytes"))]).toEqual(["memory", []]);
    },
  ],
  [
    "Times are those of a clock of milliseconds",
    async (call) => {
      const { start_time } = await start(call);
      expect(Math.abs(start_time * 1000 - Math.round(start_time * 1000))).toBeLessThan(0.001);
    },
  ],
  [
    "OTLP is taken as JSON too",
    async (call) => {
      expect((await call("/v1/traces", {})).status).toBe(200);
      expect((await call("/v1/metrics", {})).status).toBe(501);
    },
  ],
  [
    "What JSON cannot carry is refused",
    async (call) => {
      for (const body of ['{"input": NaN}', '{"input": Infinity}', '{"input": [-Infinity]}'])
        expect((await call("/rollouts", body)).status).toBe(422);
    },
  ],
  [
    "Bodies are bounded",
    async (call) => {
      expect((await call("/rollouts", "[".repeat(300) + "]".repeat(300))).status).toBe(400);
      const heads = { "content-encoding": "br" };
      expect((await call("/rollouts", { input: 1 }, heads)).status).toBe(415);
    },
  ],
  [
    "A page of another origin",
    async (call) => {
      expect((await call("/statistics", undefined, { origin: "http://elsewhere.example" })).status).toBe(403);
    },
  ],
];

function span(rollout: { rollout_id: string; attempt: { attempt_id: string } }, fields: object) {
  return {
    ...{ rollout_id: rollout.rollout_id, attempt_id: rollout.attempt.attempt_id, trace_id: "1".repeat(32) },
    ...{ parent_id: null, name: "x", status: { status_code: "OK" }, attributes: {}, events: [], links: [] },
    ...{ start_time: 1, end_time: 2, context: null, parent: null },
    resource: { attributes: {}, schema_url: "" },
    ...fields,
  };
}

describe("where the 0.3 routes differ", () => {
  it.each(differences)("%s", async (words, test) => {
    expect(docs).toContain(`\n- ${words}`);
    await withServer(test);
  });

  it("is listed without anything that is not tested", () => {
    const list = docs.split("<!-- differences from 0.3 -->")[1]?.split("<!-- end -->")[0] ?? "";
    const listed = list.split("\n").filter((line) => line.startsWith("- "));
    expect(listed.filter((line) => !differences.some(([words]) => line.startsWith(`- ${words}`)))).toEqual(
      [],
    );
    expect(listed.length).toBe(differences.length);
  });
});

describe("what clients of 0.3 send", () => {
  it.each(["", "worker", " "])("may be a worker's name: %j", async (worker_id) => {
    await withServer(async (call) => {
      const started = await start(call, { worker_id });
      expect(started.attempt.worker_id).toBe(worker_id);
      const path = `/rollouts/${started.rollout_id}/attempts`;
      expect((await call(path, { worker_id })).json.attempt.worker_id).toBe(worker_id);
      expect((await call(`${path}/latest`, { worker_id })).json.worker_id).toBe(worker_id);
      await call("/queues/rollouts/enqueue", { rollouts: [{ input: 1 }, { input: 2 }] });
      const [claimed] = (await call("/queues/rollouts/dequeue", { worker_id })).json;
      expect(claimed.attempt.worker_id).toBe(worker_id);
      expect((await call("/workers")).json.items).toMatchObject([{ worker_id, status: "busy" }]);
    });
  });

  it.each([[{}], [{ a: 1 }], [{ a: {} }], [{ "": null }]])(
    "is an attempt's metadata: %j",
    async (metadata) => {
      await withServer(async (call) => {
        const { rollout_id, attempt } = await start(call);
        expect(attempt.metadata).toBe(null);
        const path = `/rollouts/${rollout_id}/attempts`;
        expect((await call(`${path}/latest`, { metadata })).json.metadata).toEqual(metadata);
        expect((await call(`${path}/latest`)).json.metadata).toEqual(metadata);
        expect((await call(`/rollouts/${rollout_id}`)).json.attempt.metadata).toEqual(metadata);
        expect((await call(`${path}/latest`, { status: "running" })).json.metadata).toEqual(metadata);
      });
    },
  );
});
