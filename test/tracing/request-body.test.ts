import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { isReadableBody, readBody, readHeaders } from "../../src/tracing/request-body.js";

const bytes = new TextEncoder().encode("xhéllox").subarray(1, -1);

describe("a request's body", () => {
  it.each([
    ["a string", () => "héllo"],
    ["a view into a larger buffer", () => bytes],
    ["a Buffer", () => Buffer.from(bytes)],
    ["an ArrayBuffer", () => bytes.slice().buffer],
    ["a Blob", () => new Blob(["hé", "llo"])],
    ["a Readable", () => Readable.from([Buffer.from("hé"), Buffer.from("llo")])],
    ["a web stream", () => new Blob(["héllo"]).stream()],
    ["an iterable of text and bytes", () => ["hé", new TextEncoder().encode("llo")]],
    [
      "an async generator",
      async function* () {
        yield "hé";
        yield new TextEncoder().encode("llo").buffer;
      },
    ],
  ])("of %s is read whole", async (_what, make) => {
    const body = make();
    expect(isReadableBody(body)).toBe(true);
    expect((await readBody(body)).toString("utf8")).toBe("héllo");
  });

  it("may be absent, and is not read from a form or an odd object", async () => {
    expect(await readBody(null)).toEqual(Buffer.alloc(0));
    expect(await readBody(undefined)).toEqual(Buffer.alloc(0));
    expect([null, undefined, new FormData(), { a: 1 }, 5].map(isReadableBody)).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});

describe("a request's headers", () => {
  const expected = { "content-type": "a", "x-list": "1, 2" };
  it.each([
    ["a record", { "Content-Type": "a", "X-List": ["1", "2"], gone: undefined }],
    ["a flat list", ["Content-Type", "a", "X-List", "1", "x-list", "2"]],
    [
      "a flat list of Buffers",
      [Buffer.from("Content-Type"), Buffer.from("a"), Buffer.from("x-list"), "1, 2"],
    ],
    [
      "pairs",
      [
        ["Content-Type", "a"],
        ["X-List", "1"],
        ["x-list", "2"],
      ],
    ],
    [
      "Headers",
      new Headers([
        ["Content-Type", "a"],
        ["X-List", "1"],
        ["x-list", "2"],
      ]),
    ],
    [
      "a Map",
      new Map<string, unknown>([
        ["Content-Type", "a"],
        ["X-List", ["1", "2"]],
      ]),
    ],
  ])("are read from %s", (_what, headers) => {
    expect(readHeaders(headers)).toEqual(expected);
  });

  it("may be absent", () => {
    expect(readHeaders(undefined)).toEqual({});
    expect(readHeaders(null)).toEqual({});
  });
});
