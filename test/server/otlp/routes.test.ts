import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { otlpRoutes } from "../../../src/server/otlp/routes.js";
import { createTraceReceiver, type OtlpOptions } from "../../../src/server/otlp/trace-receiver.js";
import { spanSchema, toWireSpan } from "../../../src/store/http/wire-span.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { attribute, hex, int, message, requestBytes, spanBytes, text } from "./protobuf-writer.js";

const protobuf = "application/x-protobuf";

async function open(options: OtlpOptions = {}) {
  const store = createMemoryStore();
  const { rolloutId, attempt } = await store.startRollout({ input: 1 });
  const ids = {
    "agentlightning.rollout_id": rolloutId,
    "agentlightning.attempt_id": attempt.attemptId,
  };
  const app = otlpRoutes(createTraceReceiver(store, options));
  const post = (body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}) =>
    app.request("/v1/traces", { method: "POST", body, headers: { "content-type": protobuf, ...headers } });
  const kept = async () => (await store.querySpans(rolloutId)).items;
  return { store, rolloutId, ids, app, post, kept };
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

describe("POST /v1/traces", () => {
  it("keeps a span's links and its resource, as 0.3 has them on the wire", async () => {
    const { post, kept, ids } = await open();
    const link = message(13, [...hex(1, "0a".repeat(16)), ...hex(2, "0b".repeat(8))]);
    await post(requestBytes(ids, [spanBytes({ more: link })]));
    const [span] = await kept();
    const wire = spanSchema.parse(toWireSpan(span!));
    expect([wire.links[0]?.context.span_id, wire.resource.attributes]).toEqual(["0b".repeat(8), ids]);
  });

  it("keeps spans under the ids of their resource and answers protobuf with nothing in it", async () => {
    const { post, kept, ids, rolloutId } = await open();
    const attributes = attribute(9, "agentlightning.span_sequence_id", text(1, "7"));
    const response = await post(requestBytes(ids, [spanBytes({ more: attributes })]));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, protobuf]);
    expect((await bytesOf(response)).length).toBe(0);
    expect(await kept()).toEqual([
      {
        ...{ rolloutId, attemptId: ids["agentlightning.attempt_id"], sequenceId: 7 },
        ...{ traceId: "f".repeat(32), spanId: "00000000000000a1", parentId: null, name: "step" },
        ...{ status: { code: "UNSET", description: null }, events: [], startTime: 0, endTime: null },
        attributes: { "agentlightning.span_sequence_id": "7" },
        extra: { resource: { attributes: ids, schema_url: "" } },
      },
    ]);
  });

  it("takes ids of the span before those of its resource", async () => {
    const { post, store, ids } = await open();
    const other = await store.startRollout({ input: 2 });
    const own = [
      ...attribute(9, "agentlightning.rollout_id", text(1, other.rolloutId)),
      ...attribute(9, "agentlightning.attempt_id", text(1, other.attempt.attemptId)),
    ];
    await post(requestBytes(ids, [spanBytes({ more: own })]));
    expect((await store.querySpans(other.rolloutId)).total).toBe(1);
  });

  it("issues sequence ids where none, or one below 1, is given", async () => {
    const { post, kept, ids } = await open();
    const numbered = (spanId: string, sequenceId: number) =>
      spanBytes({ spanId, more: attribute(9, "agentlightning.span_sequence_id", int(3, sequenceId)) });
    const spans = [spanBytes({}), numbered("00000000000000a2", -1), numbered("00000000000000a3", 9)];
    await post(requestBytes(ids, spans));
    await post(requestBytes(ids, [spanBytes({ spanId: "00000000000000a4" })]));
    expect((await kept()).map(({ spanId, sequenceId }) => [spanId.slice(-2), sequenceId])).toEqual([
      ["a1", 1],
      ["a2", 2],
      ["a3", 9],
      ["a4", 10],
    ]);
  });

  it("drops and counts spans that nobody can place, keeps the others, and still answers 200", async () => {
    const told: unknown[] = [];
    const { post, kept, ids } = await open({ onRejected: (count, reason) => told.push([count, reason]) });
    const lost = attribute(9, "agentlightning.rollout_id", text(1, "ro-unknown"));
    const withoutTrace = spanBytes({ traceId: "00" });
    const response = await post(
      Buffer.concat([
        requestBytes({}, [spanBytes({})]),
        requestBytes(ids, [spanBytes({}), spanBytes({ more: lost }), withoutTrace]),
      ]),
    );
    expect(response.status).toBe(200);
    expect((await kept()).length).toBe(1);
    // partial_success (a length of two bytes) { rejected_spans: 3, error_message }
    const answer = await bytesOf(response);
    expect([answer[0], answer[3], answer[4]]).toEqual([0x0a, 0x08, 3]);
    expect(answer.toString("latin1")).toContain('got "ro-unknown"');
    expect(told).toEqual([[3, expect.stringContaining("1 spans: no agentlightning.rollout_id")]]);
  });

  it("keeps spans of many rollouts in one request, each in its own", async () => {
    const { post, store } = await open();
    const started = await Promise.all(
      Array.from({ length: 50 }, (_, input) => store.startRollout({ input })),
    );
    const bodies = started.map(({ rolloutId, attempt }) =>
      requestBytes(
        { "agentlightning.rollout_id": rolloutId, "agentlightning.attempt_id": attempt.attemptId },
        [spanBytes({ name: rolloutId }), spanBytes({ name: rolloutId, spanId: "00000000000000a2" })],
      ),
    );
    expect((await post(Buffer.concat(bodies))).status).toBe(200);
    for (const { rolloutId } of started) {
      const { items } = await store.querySpans(rolloutId);
      expect(items.map(({ name, sequenceId }) => [name, sequenceId])).toEqual([
        [rolloutId, 1],
        [rolloutId, 2],
      ]);
    }
  });

  it("keeps a span once, however often it is sent", async () => {
    const { post, kept, ids } = await open();
    const body = requestBytes(ids, [spanBytes({}), spanBytes({})]);
    expect([(await post(body)).status, (await post(body)).status]).toEqual([200, 200]);
    expect((await kept()).length).toBe(1);
  });

  it("takes JSON and answers JSON", async () => {
    const { post, kept, ids } = await open();
    const attributes = Object.entries(ids).map(([key, stringValue]) => ({ key, value: { stringValue } }));
    const span = { traceId: "f".repeat(32), spanId: "00000000000000a1", name: "step" };
    const body = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] };
    const json = { "content-type": "application/json; charset=utf-8" };
    const response = await post(JSON.stringify(body), json);
    expect([response.status, await response.json()]).toEqual([200, {}]);
    expect((await kept()).length).toBe(1);
    const wrong = await post('{"resourceSpans": 1}', json);
    expect([wrong.status, ((await wrong.json()) as { code: number }).code]).toEqual([400, 3]);
  });

  it.each([100, 1 << 16])("unpacks gzip of %i spare bytes and packs the answer when asked", async (spare) => {
    const { post, kept, ids } = await open();
    const noise = Buffer.from(Array.from({ length: spare }, (_, i) => ((i * i * 31) % 94) + 33)).toString();
    const body = gzipSync(requestBytes(ids, [spanBytes({ more: attribute(9, "x", text(1, noise)) })]));
    const response = await post(new Uint8Array(body), {
      "content-encoding": "gzip",
      "accept-encoding": "gzip, br",
    });
    expect([response.status, response.headers.get("content-encoding")]).toEqual([200, "gzip"]);
    expect(gunzipSync(await bytesOf(response)).length).toBe(0);
    expect((await kept())[0]?.attributes).toEqual({ x: noise });
  });

  it("answers the recorded requests of a 0.3 server as it did, but takes JSON", async () => {
    const { post } = await open();
    const empty = await post(new Uint8Array());
    expect([empty.status, (await bytesOf(empty)).length]).toEqual([200, 0]);
    const foreign = await post(new Uint8Array(), { "content-type": "text/plain" });
    expect(foreign.status).toBe(400);
    expect((await bytesOf(foreign)).toString()).toContain(
      "Unsupported Content-Type 'text/plain', expected '",
    );
    const garbage = await post(Uint8Array.from([0xff, 0xff, 0xff]));
    expect([garbage.status, garbage.headers.get("content-type")]).toEqual([400, protobuf]);
    expect((await bytesOf(garbage)).toString()).toContain("Unable to parse OTLP traces payload: ");
  });

  it.each<[string, Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    ["a body beyond the limit", new Uint8Array(5000), {}, 413],
    ["a declared length beyond the limit", new Uint8Array(1), { "content-length": "5000" }, 413],
    [
      "gzip that unpacks beyond it",
      new Uint8Array(gzipSync(Buffer.alloc(5000))),
      { "content-encoding": "gzip" },
      413,
    ],
    ["gzip that is none", Uint8Array.from([1, 2, 3]), { "content-encoding": "gzip" }, 400],
    ["gzip cut short", new Uint8Array(gzipSync("abc").subarray(0, 15)), { "content-encoding": "gzip" }, 400],
    ["an encoding it does not know", new Uint8Array(1), { "content-encoding": "br" }, 400],
  ])("refuses %s", async (_, body, headers, status) => {
    const { post } = await open({ maxBodyBytes: 4096 });
    expect((await post(body, headers)).status).toBe(status);
  });

  it("asks to try again later when the store is closed", async () => {
    const { post, store, ids } = await open();
    await store.close();
    expect((await post(requestBytes(ids, [spanBytes({})]))).status).toBe(503);
  });

  it.each(["metrics", "logs", "development/profiles"])("does not know %s", async (signal) => {
    const { app } = await open();
    expect((await app.request(`/v1/${signal}`, { method: "POST" })).status).toBe(501);
  });

  it("answers any change of a valid body with 200 or 400", async () => {
    const { post, ids } = await open();
    const attributes = [attribute(9, "x", int(3, 5)), attribute(9, "y", text(1, "some text"))].flat();
    const valid = requestBytes(ids, [
      spanBytes({ more: attributes }),
      spanBytes({ spanId: "00000000000000b2" }),
    ]);
    const edits = fc.array(
      fc.record({
        at: fc.nat(valid.length - 1),
        byte: fc.nat(255),
        kind: fc.constantFrom("set", "cut", "grow"),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        let bytes = Buffer.from(valid);
        for (const { at, byte, kind } of changes) {
          const rest = bytes.subarray(at + (kind === "set" ? 1 : 0));
          const added = kind === "cut" ? Buffer.alloc(0) : Buffer.from([byte]);
          bytes = Buffer.concat([bytes.subarray(0, at), added, kind === "cut" ? rest.subarray(1) : rest]);
        }
        statuses.add((await post(new Uint8Array(bytes))).status);
      }),
      { numRuns: 1500 },
    );
    expect([...statuses].toSorted()).toEqual([200, 400]);
  });
});
