import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createByteShelf } from "../../../src/server/otlp/byte-shelf.js";
import { kPlacingLengths } from "../../../src/server/otlp/otlp-spans.js";
import { passPlainAttributes } from "../../../src/server/otlp/plain-attribute.js";
import { readAttribute } from "../../../src/server/otlp/protobuf-attributes.js";
import { NameCache, ProtobufReader } from "../../../src/server/otlp/protobuf-reader.js";
import { otlpRoutes } from "../../../src/server/otlp/routes.js";
import { createTraceReceiver } from "../../../src/server/otlp/trace-receiver.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openStore } from "../../../src/store/open-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import type { Span } from "../../../src/types/span.js";
import { temporaryFile } from "../../store/sqlite/temporary-file.js";
import { attribute, double, hex, int, message, requestBytes, spanBytes, text } from "./protobuf-writer.js";

const kinds = [
  ...attribute(9, "agentlightning.span_sequence_id", int(3, 4)),
  ...attribute(9, "agentlightning.rollout_idea", text(1, "as long as a name that places")),
  ...[...attribute(9, "text", text(1, "grüß \ufffd 🙂")), ...attribute(9, "größe", double(4, 0.1))],
  ...[...attribute(9, "yes", int(2, 1)), ...attribute(9, "bytes", hex(7, "00ff"))],
  ...attribute(9, "list", message(5, [...message(1, text(1, "a")), ...message(1, text(1, "b"))])),
  ...[...attribute(9, "map", message(6, attribute(1, "k", int(3, 1)))), ...attribute(9, "none", [])],
];
const expected = {
  "agentlightning.span_sequence_id": 4,
  "agentlightning.rollout_idea": "as long as a name that places",
  ...{ text: "grüß \ufffd 🙂", größe: 0.1, yes: true, bytes: "00ff", list: ["a", "b"], map: '{"k":1}' },
};

const newReader = (bytes: Uint8Array) =>
  new ProtobufReader({ bytes: Buffer.from(bytes), names: new NameCache() });

async function post(store: LightningStore, more: readonly number[], body = (bytes: Uint8Array) => bytes) {
  const { rolloutId, attempt } = await store.startRollout({ input: 1 });
  const ids = {
    "agentlightning.rollout_id": rolloutId,
    "agentlightning.attempt_id": attempt.attemptId,
  };
  const sent = body(requestBytes(ids, [spanBytes({ more })]));
  const { status } = await otlpRoutes(createTraceReceiver(store)).request("/v1/traces", {
    method: "POST",
    body: new Uint8Array(sent),
    headers: { "content-type": "application/x-protobuf" },
  });
  return { status, spans: async () => (await store.querySpans(rolloutId)).items };
}

async function keptSpan(): Promise<Span> {
  const { spans } = await post(createMemoryStore(), kinds);
  return (await spans())[0]!;
}

describe("a span whose attributes are still bytes", () => {
  it("is to every reader the span with its attributes", async () => {
    const readers: Record<string, (span: Span) => unknown> = {
      comparison: (span) => span,
      property: (span) => ({ ...span, attributes: span.attributes }),
      spread: (span) => ({ ...span }),
      JSON: (span) => JSON.parse(JSON.stringify(span)),
      "a structured clone": (span) => structuredClone(span),
      assign: (span) => Object.assign({}, span),
      entries: (span) => Object.fromEntries(Object.entries(span)),
      rest: ({ name, ...rest }) => ({ name, ...rest }),
    };
    const { rolloutId: _, attemptId: __, extra: ___, ...plain } = { ...(await keptSpan()) };
    expect(plain).toStrictEqual({
      ...{ sequenceId: 4, traceId: "f".repeat(32), spanId: "00000000000000a1", parentId: null, name: "step" },
      ...{ status: { code: "UNSET", description: null }, events: [], startTime: 0, endTime: null },
      attributes: expected,
    });
    for (const [name, read] of Object.entries(readers)) {
      const span = await keptSpan();
      const { rolloutId, attemptId, extra } = span;
      expect(read(span), name).toStrictEqual({ ...plain, rolloutId, attemptId, extra });
    }
  });

  it("differs from one with other attributes", async () => {
    const span = await keptSpan();
    expect(span).not.toEqual({ ...span, attributes: { ...expected, text: "other" } });
  });

  it("gives the same attributes every time", async () => {
    const span = await keptSpan();
    expect(span.attributes).toBe(span.attributes);
  });

  it("is written by a store on disk as it is read from one in memory", async () => {
    await using store = await openStore(`sqlite:${temporaryFile()}`);
    const { spans } = await post(store, kinds);
    expect((await spans())[0]?.attributes).toEqual(expected);
  });
});

describe("bytes of attributes that nobody has read", () => {
  it.each<[string, readonly number[]]>([
    ["text that is not UTF-8", attribute(9, "x", message(1, [0x61, 0xff, 0x61, 0x61, 0x61]))],
    ["long text with a broken end", attribute(9, "x", message(1, [...new Array(40).fill(0x61), 0xc3]))],
    ["a name that is not UTF-8", message(9, [...message(1, [0xc0]), ...message(2, int(3, 1))])],
    ["a list with text that is not UTF-8", attribute(9, "x", message(5, message(1, message(1, [0xff]))))],
    ["a map with a name that is not UTF-8", attribute(9, "x", message(6, message(1, message(1, [0xff]))))],
    ["a double cut short", message(9, [...text(1, "x"), ...message(2, [0x21, 0, 0])])],
    ["a length beyond the value", message(9, [...text(1, "x"), 0x12, 0x09, 0x0a])],
    ["a group", message(9, [...text(1, "x"), 0x0b])],
    ["a varint of eleven bytes", attribute(9, "x", [0x18, ...new Array(10).fill(0x80), 0])],
    ["a varint without an end", message(9, [...text(1, "x"), ...message(2, [0x18, 0xff])])],
  ])("are refused on receipt: %s", async (_, more) => {
    const { status, spans } = await post(createMemoryStore(), more);
    expect([status, (await spans()).length]).toEqual([400, 0]);
  });

  it("are refused wherever in a text the byte stands that is not UTF-8", () => {
    for (let length = 1; length <= 40; length++)
      for (let at = 0; at < length; at++) {
        const bytes = Uint8Array.from(attribute(9, "x", text(1, "a".repeat(length))).slice(1));
        bytes[bytes.length - length + at] = 0xff;
        const reader = newReader(bytes);
        reader.onlyChecks = kPlacingLengths;
        expect(() => readAttribute(reader, null), `${at} of ${length}`).toThrow("not UTF-8");
      }
  });

  it("are accepted exactly when they can be read", () => {
    const outcome = (bytes: Uint8Array, onlyChecks: ReadonlySet<number> | null) => {
      const reader = newReader(bytes);
      reader.onlyChecks = onlyChecks;
      try {
        readAttribute(reader, {});
        return reader.offset;
      } catch (error) {
        return (error as Error).message;
      }
    };
    const valid = Buffer.from(kinds);
    const damaged = fc
      .tuple(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length - 1))
      .map(([at, byte, from]) => {
        const bytes = Buffer.from(valid);
        bytes[at] = byte;
        return new Uint8Array(bytes.subarray(from));
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        // Reads at the tag as if it were a length, which makes a sound start now and then.
        expect(outcome(bytes, kPlacingLengths)).toBe(outcome(bytes, null));
        expect(outcome(bytes.subarray(1), kPlacingLengths)).toBe(outcome(bytes.subarray(1), null));
      }),
      { numRuns: 3000 },
    );
  });

  it("are passed over in one go only where they can be read, up to the same end and at the same count", () => {
    const plain = [
      attribute(9, "text", text(1, "a".repeat(300))),
      attribute(9, "short", text(1, "abc")),
      attribute(9, "", text(1, "")),
      attribute(9, "number", int(3, 2 ** 40)),
      attribute(9, "double", double(4, 0.1)),
      attribute(9, "yes", int(2, 1)),
    ].map((bytes) => Uint8Array.from(bytes.slice(1)));
    for (const bytes of plain) expect(passPlainAttributes(newReader(bytes)), String(bytes)).toBe(true);
    const place = attribute(9, "agentlightning.rollout_id", text(1, "ro")).slice(1);
    expect(passPlainAttributes(newReader(Uint8Array.from(place)))).toBe(false);
    let passed = 0;
    const edit = fc.tuple(fc.nat(5), fc.nat(330), fc.nat(255), fc.nat(330));
    fc.assert(
      fc.property(edit, ([which, at, byte, length]) => {
        const whole = plain[which]!;
        const bytes = new Uint8Array(whole.slice(0, length > 300 ? whole.length : length));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const quick = newReader(bytes);
        if (!passPlainAttributes(quick)) {
          expect(quick.offset).toBe(0);
          return;
        }
        passed++;
        const slow = newReader(bytes);
        readAttribute(slow, {});
        expect(quick.offset).toBe(slow.offset);
      }),
      { numRuns: 20_000, seed: 5 },
    );
    expect(passed).toBeGreaterThan(500);
  });

  it("are passed over together up to the first that has to be looked at", () => {
    const plain = [...attribute(9, "a", int(3, 1)), ...attribute(9, "text", text(1, "b".repeat(200)))];
    const others = {
      "text beyond ASCII": attribute(9, "x", text(1, "ü")),
      "one that places": attribute(9, "agentlightning.rollout_id", text(1, "ro")),
      "another field": attribute(11, "like one", int(3, 1)),
      "the end": [],
    };
    for (const [name, other] of Object.entries(others)) {
      const reader = newReader(Uint8Array.from([...plain, ...other, ...plain]).slice(1));
      if (name === "the end") reader.end = plain.length - 1;
      expect(passPlainAttributes(reader), name).toBe(true);
      expect(reader.offset, name).toBe(plain.length - 1);
    }
  });

  it("count as the values that they are, however plain", () => {
    const one = Uint8Array.from(attribute(9, "x", int(3, 1)).slice(1));
    const reader = newReader(one);
    const passMany = () => {
      for (let i = 0; i <= 1 << 19; i++) {
        reader.offset = 0;
        passPlainAttributes(reader);
      }
    };
    expect(passMany).toThrow("more than 1048576 values");
  });

  it("outlive the requests that come after them", async () => {
    const store = createMemoryStore();
    const first = await post(store, kinds);
    const app = otlpRoutes(createTraceReceiver(store));
    const { rolloutId, attempt } = await store.startRollout({ input: 2 });
    const ids = {
      "agentlightning.rollout_id": rolloutId,
      "agentlightning.attempt_id": attempt.attemptId,
    };
    const send = (body: Uint8Array) =>
      app.request("/v1/traces", {
        method: "POST",
        body: new Uint8Array(body),
        headers: { "content-type": "application/x-protobuf" },
      });
    const numbered = (i: number) => i.toString(16).padStart(16, "0");
    const body = (i: number) =>
      requestBytes(ids, [
        spanBytes({ spanId: numbered(i), more: attribute(9, "n", text(1, `${i} `.repeat(2000))) }),
      ]);
    for (let i = 0; i < 200; i++) {
      await send(body(i));
      // Malformed, and one that was kept before: their places are given to others.
      await send(Buffer.concat([body(i), Buffer.from([0xff])]));
      await send(body(i));
    }
    const { items } = await store.querySpans(rolloutId);
    expect(items.map(({ attributes }) => attributes.n)).toEqual(
      Array.from({ length: 200 }, (_, i) => `${i} `.repeat(2000)),
    );
    expect((await first.spans())[0]?.attributes).toEqual(expected);
  });
});

describe("a byte shelf", () => {
  it("keeps pieces of any size side by side, each as it was", () => {
    const shelf = createByteShelf(1 << 18);
    const sizes = [1, 0, 100_000, 200_000, 300_000, 5, 262_144, 7];
    const places = sizes.map((size, i) =>
      shelf.put([new Uint8Array(size).fill(i), new Uint8Array(0), new Uint8Array(3).fill(i)]),
    );
    for (const [i, { bytes }] of places.entries())
      expect([bytes.length, bytes.every((byte) => byte === i)]).toEqual([sizes[i]! + 3, true]);
  });

  it("keeps every body as it was in slabs that were touched beforehand too", async () => {
    const shelf = createByteShelf(1 << 14);
    const places: Buffer[] = [];
    for (let i = 0; i < 60; i++) {
      places.push(shelf.put([new Uint8Array(5000).fill(i + 1)]).bytes);
      // So that now and then a slab is ready, and now and then none is.
      if (i % 4 === 0) await pause(2);
    }
    await pause(20);
    expect(places.map((bytes) => new Set(bytes))).toEqual(places.map((_, i) => new Set([i + 1])));
  });

  it("gives a place to others once all beside it were released, and not before", () => {
    const shelf = createByteShelf(1 << 18);
    const put = (byte: number) => shelf.put([new Uint8Array(100_000).fill(byte)]);
    const [kept, released] = [put(1), put(2)];
    released.release();
    const others = [put(3), put(4)];
    expect(kept.bytes.every((byte) => byte === 1)).toBe(true);
    for (const { release } of others) release();
    const next = put(5);
    expect(next.bytes.buffer).toBe(others[0]!.bytes.buffer);
    expect([kept.bytes[0], next.bytes[0], next.bytes.byteOffset]).toEqual([1, 5, 0]);
  });
});
