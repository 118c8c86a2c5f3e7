import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeJsonTraces } from "../../../src/server/otlp/decode-json.js";
import { decodeProtobufTraces } from "../../../src/server/otlp/decode-protobuf.js";
import { MalformedError } from "../../../src/server/otlp/malformed.js";
import type { OtlpSpanGroup } from "../../../src/server/otlp/otlp-spans.js";
import { NameCache } from "../../../src/server/otlp/protobuf-reader.js";
import {
  attribute,
  double,
  fixed64,
  hex,
  int,
  message,
  requestBytes,
  spanBytes,
  text,
} from "./protobuf-writer.js";

// With all attributes read, as a reader of the store sees them.
const read = (groups: readonly OtlpSpanGroup[]) =>
  groups.map(({ spans, ...group }) => ({ ...group, spans: spans.map(({ span }) => ({ ...span })) }));
const decode = (bytes: Uint8Array) =>
  read(decodeProtobufTraces({ bytes: Buffer.from(bytes), names: new NameCache() }));
const withAttribute = (any: readonly number[], name = "x") =>
  decode(requestBytes({}, [spanBytes({ more: attribute(9, name, any) })]))[0]!.spans[0]!.attributes;
const nested = (depth: number): number[] =>
  depth === 0 ? int(3, 1) : message(5, message(1, nested(depth - 1)));

describe("the protobuf reader", () => {
  it("reads a request written byte by byte from the specification", () => {
    const bytes = [
      "0a 50", // resource_spans, 80 bytes
      "0a 0a 0a 08 0a 01 72 12 03 0a 01 61", // resource { attributes { key "r", value { string_value "a" } } }
      "12 42 12 40", // scope_spans { spans, 64 bytes
      "0a 10 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff", // trace_id
      "12 08 01 23 45 67 89 ab cd ef", // span_id
      "2a 02 68 69", // name "hi"
      "39 00 ca 9a 3b 00 00 00 00", // start_time_unix_nano 1,000,000,000
      "41 00 94 35 77 00 00 00 00", // end_time_unix_nano 2,000,000,000
      "4a 08 0a 01 6e 12 03 18 96 01", // attributes { key "n", value { int_value 150 } }
      "7a 02 18 02", // status { code ERROR }
    ].join(" ");
    expect(decode(Buffer.from(bytes.replaceAll(" ", ""), "hex"))).toEqual([
      {
        resource: { r: "a" },
        schemaUrl: "",
        spans: [
          {
            ...{ rolloutId: "", attemptId: "", sequenceId: 0, extra: {} },
            ...{ traceId: "00112233445566778899aabbccddeeff", spanId: "0123456789abcdef", parentId: null },
            ...{ name: "hi", startTime: 1, endTime: 2, attributes: { n: 150 }, events: [] },
            status: { code: "ERROR", description: null },
          },
        ],
      },
    ]);
  });

  it.each<[string, readonly number[], unknown]>([
    ["text", text(1, "grüß \ufffd 🙂"), "grüß \ufffd 🙂"],
    ["true", int(2, 1), true],
    ["a negative integer", int(3, -5), -5],
    ["the largest exact integer", int(3, 2n ** 53n - 1n), 2 ** 53 - 1],
    ["an integer beyond 2^53, as digits", int(3, 2n ** 63n - 1n), "9223372036854775807"],
    ["the least integer, as digits", int(3, -(2n ** 63n)), "-9223372036854775808"],
    ["a double", double(4, 0.1), 0.1],
    ["what JSON cannot hold, as its name", double(4, Number.NaN), "NaN"],
    ["bytes, as hex", hex(7, "00ff"), "00ff"],
    ["a list of one kind", message(5, [...message(1, int(3, 1)), ...message(1, int(3, 2))]), [1, 2]],
    ["a mixed list, as JSON", message(5, [...message(1, int(3, 1)), ...message(1, text(1, "a"))]), '[1,"a"]'],
    ["a map, as JSON", message(6, attribute(1, "k", text(1, "v"))), '{"k":"v"}'],
    ["a map's __proto__, as any name", message(6, attribute(1, "__proto__", int(3, 1))), '{"__proto__":1}'],
  ])("reads %s", (_, any, expected) => {
    expect(withAttribute(any)).toEqual({ x: expected });
  });

  it("keeps an attribute named __proto__ as an attribute", () => {
    const attributes = withAttribute(message(5, message(1, int(3, 1))), "__proto__");
    expect(Object.entries(attributes)).toEqual([["__proto__", [1]]]);
    expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
  });

  it("merges a status that comes in two parts", () => {
    const parts = [...message(15, int(3, 2)), ...message(15, text(2, "bad"))];
    const [group] = decode(requestBytes({}, [spanBytes({ more: parts })]));
    expect(group!.spans[0]!.status).toEqual({ code: "ERROR", description: "bad" });
  });

  it("reads events and skips fields it does not know", () => {
    const event = [...fixed64(1, 1_500_000_000n), ...text(2, "e"), ...attribute(3, "k", int(3, 1))];
    const unknown = [...int(100, 7), ...fixed64(101, 1n), ...text(102, "?"), ...[0x8d, 0x06, 1, 2, 3, 4]];
    const [group] = decode(requestBytes({}, [spanBytes({ more: [...message(11, event), ...unknown] })]));
    expect(group!.spans[0]!.events).toEqual([{ name: "e", attributes: { k: 1 }, timestamp: 1.5 }]);
  });

  it.each<[string, readonly number[], string]>([
    ["a length beyond its message", message(1, [0x12, 0x05, 0x00]), "a length of 5"],
    ["a length one byte into its neighbour", message(1, [0x12, 3, 0x12, 2, 0, 0x1a, 0]), "a length of 2"],
    ["a length beyond everything", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "a length of"],
    ["a varint without an end", [0x0a, 0xff], "ends early"],
    ["a varint of eleven bytes", [...new Array(11).fill(0xff), 1], "varint"],
    ["field number 0", [0x02, 0x00], "field number"],
    ["a group", [0x0b, 0x0c], "wire type 3"],
    ["a fixed64 cut short", message(1, message(2, message(2, [0x39, 1, 2]))), "ends early"],
    ["text that is not UTF-8", message(1, message(2, message(2, [0x2a, 1, 0xff]))), "not UTF-8"],
    ["33 levels of lists", message(1, message(1, attribute(1, "x", nested(33)))), "nested deeper than 32"],
  ])("refuses %s", (_, bytes, reason) => {
    expect(() => decode(Uint8Array.from(bytes))).toThrow(MalformedError);
    expect(() => decode(Uint8Array.from(bytes))).toThrow(reason);
  });

  it("reads 32 levels of lists", () => {
    expect(() => withAttribute(nested(32))).not.toThrow();
  });

  it("refuses more than a million values, however small", () => {
    const events = Buffer.alloc(2 * (1 << 20), Buffer.from([0x5a, 0x00]));
    const sized = (field: number, payload: Buffer) =>
      Buffer.concat([Buffer.from(message(field, [])).subarray(0, 1), lengthOf(payload), payload]);
    const lengthOf = (payload: Buffer) => Buffer.from(int(1, payload.length).slice(1));
    expect(() => decode(sized(1, sized(2, sized(2, events))))).toThrow("more than 1048576 values");
  });

  it("gives names of one length and one slot their own bytes", () => {
    const attributes = Array.from({ length: 5000 }, (_, i) => attribute(9, `name ${1000 + i}`, int(3, i)));
    const [group] = decode(requestBytes({}, [spanBytes({ more: attributes.flat() })]));
    const expected = Object.fromEntries(attributes.map((_, i) => [`name ${1000 + i}`, i]));
    expect(group!.spans[0]!.attributes).toEqual(expected);
  });

  it("either reads or refuses any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the JSON reader", () => {
  const decodeJson = (value: unknown) => read(decodeJsonTraces(Buffer.from(JSON.stringify(value))));
  const withSpan = (span: unknown) => decodeJson({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });

  it("reads what the protobuf reader reads", () => {
    const json = decodeJson({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "r", value: { stringValue: "a" } }] },
          scopeSpans: [
            {
              spans: [
                {
                  ...{ traceId: "F".repeat(32), spanId: "00000000000000a1", name: "step", kind: 1 },
                  ...{ startTimeUnixNano: "1000000000", endTimeUnixNano: 2000000000 },
                  attributes: [
                    { key: "n", value: { intValue: "150" } },
                    { key: "d", value: { doubleValue: "NaN" } },
                    { key: "b", value: { bytesValue: "AP8=" } },
                    { key: "l", value: { arrayValue: { values: [{ boolValue: true }] } } },
                    { key: "m", value: { kvlistValue: { values: [{ key: "k", value: { intValue: 1 } }] } } },
                    { key: "none", value: {} },
                  ],
                  links: [{ traceId: "0A".repeat(16), spanId: "0B".repeat(8), attributes: [] }],
                  events: [{ timeUnixNano: "1500000000", name: "e" }],
                  status: { code: 2, message: "bad" },
                },
              ],
            },
          ],
        },
      ],
    });
    const event = [...fixed64(1, 1_500_000_000n), ...text(2, "e")];
    const more = [
      ...[...fixed64(7, 1_000_000_000n), ...fixed64(8, 2_000_000_000n)],
      ...[...attribute(9, "n", int(3, 150)), ...attribute(9, "d", double(4, Number.NaN))],
      ...[...attribute(9, "b", hex(7, "00ff")), ...attribute(9, "l", message(5, message(1, int(2, 1))))],
      ...[...attribute(9, "m", message(6, attribute(1, "k", int(3, 1)))), ...attribute(9, "none", [])],
      ...message(13, [...hex(1, "0a".repeat(16)), ...hex(2, "0b".repeat(8))]),
      ...[...message(11, event), ...message(15, [...text(2, "bad"), ...int(3, 2)])],
    ];
    expect(json).toEqual(decode(requestBytes({ r: "a" }, [spanBytes({ more })])));
  });

  it.each<[string, unknown]>([
    ["a list as the request", []],
    ["spans that are no list", { resourceSpans: { scopeSpans: [] } }],
    ["null among the spans", { resourceSpans: [null] }],
  ])("refuses %s", (_, value) => {
    expect(() => decodeJson(value)).toThrow(MalformedError);
  });

  it.each<[string, unknown]>([
    ["an id that is not hex", { traceId: "xyz" }],
    ["a name that is a number", { name: 1 }],
    ["a time that is no number", { startTimeUnixNano: "soon" }],
    ["an integer with a point", { attributes: [{ key: "x", value: { intValue: "1.5" } }] }],
  ])("refuses %s", (_, span) => {
    expect(() => withSpan(span)).toThrow(MalformedError);
  });

  it("refuses what is no JSON, and JSON that is not UTF-8", () => {
    expect(() => decodeJsonTraces(Buffer.from("{"))).toThrow(MalformedError);
    expect(() => decodeJsonTraces(Buffer.from([0x22, 0xff, 0x22]))).toThrow(MalformedError);
  });
});
