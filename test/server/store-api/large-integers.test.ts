import { describe, expect, it } from "vitest";
import { runRollout } from "../../../src/runner/run-rollout.js";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openStore } from "../../../src/store/open-store.js";

const id = "9007199254740993";

async function withServer(
  test: (url: string, post: (path: string, body: string) => Promise<Response>) => Promise<void>,
) {
  const store = createMemoryStore();
  await using server = await serve({ store, port: 0 });
  await test(server.url, (path, body) =>
    fetch(server.url + path, { method: "POST", body, headers: { "content-type": "application/json" } }),
  );
  await store.close();
}

describe("an integer beyond 2^53", () => {
  it("keeps its digits in a rollout's input and metadata, and through a store over HTTP", async () => {
    await withServer(async (url, post) => {
      const body = `{"input":{"id":${id}},"metadata":{"n":[${id}]}}`;
      const started = await (await post("/v1/agl/rollouts", body)).text();
      expect(started).toContain(`"input":{"id":${id}}`);
      expect(started).toContain(`"metadata":{"n":[${id}]}`);
      const client = await openStore(url);
      const { input } = (await client.queryRollouts()).items[0]!;
      await client.enqueue([{ input }]);
      await client.close();
      const page = await (await fetch(`${url}/v1/agl/rollouts`)).text();
      expect(page.split(`"input":{"id":${id}}`).length).toBe(3);
    });
  });

  it("keeps its digits in a span's attributes, alone and in lists", async () => {
    await withServer(async (url, post) => {
      const { rollout_id, attempt } = JSON.parse(
        await (await post("/v1/agl/rollouts", '{"input":1}')).text(),
      );
      const span = JSON.stringify({
        ...{ rollout_id, attempt_id: attempt.attempt_id, trace_id: "1".repeat(32), span_id: "2".repeat(16) },
        ...{
          sequence_id: 1,
          parent_id: null,
          name: "x",
          status: { status_code: "OK" },
          events: [],
          links: [],
        },
        ...{ start_time: 1, end_time: 2, context: null, parent: null, resource: { attributes: {} } },
        attributes: { a: "<a>", b: "<b>" },
      });
      const sent = span.replace('"<a>"', id).replace('"<b>"', `[1,${id}]`);
      expect((await post("/v1/agl/spans", sent)).status).toBe(201);
      const kept = await (await fetch(`${url}/v1/agl/spans?rollout_id=${rollout_id}`)).text();
      expect(kept).toContain(`"a":${id},"b":[1,${id}]`);
    });
  });

  it("keeps its digits in the gateway's inputs, data ids and events", async () => {
    await withServer(async (url, post) => {
      await post("/api/rollouts", `[{"rollout_id":"r","input":{"data_id":${id}}}]`);
      await post("/api/rollouts/r/attempt/0/events", `{"event_type":"x","data":{"id":${id}}}`);
      expect(await (await fetch(`${url}/api/rollouts/r`)).text()).toContain(`"data_id":${id}`);
      expect(await (await fetch(`${url}/api/rollouts/r/events`)).text()).toContain(`"data":{"id":${id}}`);
    });
  });

  it("is refused where no number is that large, with its place", async () => {
    await withServer(async (_, post) => {
      const refused = await post("/v1/agl/rollouts", '{"input":{"a":1e400}}');
      expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining("input.a")]);
      expect((await post("/api/rollouts", '[{"input":1e999}]')).status).toBe(422);
    });
  });

  it("fails the rollout whose agent would get another one", async () => {
    await withServer(async (url, post) => {
      await post("/v1/agl/rollouts", `{"input":{"items":[{"id":${id}}]}}`);
      const client = await openStore(url);
      const { input } = (await client.queryRollouts()).items[0]!;
      await client.close();
      let isCalled = false;
      const report = await runRollout({
        ...{ rolloutId: "ro-1", attemptId: "at-1", mode: "train", resources: {}, input },
        ...{ timeoutMs: 1000, graceMs: 100, signal: new AbortController().signal },
        agent: () => {
          isCalled = true;
          return 1;
        },
        route: () => "passthrough",
        handle: () => Promise.reject(new Error("no model")),
      } as never);
      expect([report.ended, isCalled]).toEqual(["threw", false]);
      expect(String(report.error)).toContain("task.items[0].id");
    });
  });
});
