import { describe, expect, it } from "vitest";
import { knownFormats, kUnjudgedFormats } from "../../src/grammar/formats.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { ajvJudge } from "./ajv-judge.js";
import { randomText, seededRandom } from "./random-walk.js";
import { createReferenceMatcher } from "./reference-matcher.js";

/** Ordinary texts of each, and texts that are none; of both ajv thinks the same where it knows the format. */
const samples: Readonly<Record<string, readonly [valid: readonly string[], invalid: readonly string[]]>> = {
  date: [
    ["2024-02-29", "2000-02-29", "1999-12-31", "2023-04-30"],
    ["2023-02-29", "1900-02-29", "2023-04-31", "2023-13-01", "23-01-01", "2023-00-10", "2023-01-01 "],
  ],
  time: [
    ["10:00:00Z", "23:59:59.123+05:30", "23:59:60Z", "00:00:00z"],
    ["24:00:00Z", "10:60:00Z", "10:00:00", "10:00:60Z", "10:00Z"],
  ],
  "date-time": [
    ["2024-01-01T10:00:00Z", "2024-02-29t10:00:00.5-08:00"],
    ["2024-01-01", "2024-01-01T10:00:00", "2023-02-29T10:00:00Z"],
  ],
  "iso-time": [["10:00:00", "10:00:00Z"], ["10:00"]],
  "iso-date-time": [["2024-01-01T10:00:00", "2024-01-01 10:00:00Z"], ["2024-01-01"]],
  duration: [
    ["P1Y2M3DT4H5M6S", "P2W", "PT1H", "PT5M", "P1D"],
    ["P", "PT", "P1YT", "1D", "P1W1D", "PT1H5", "P1D2Y"],
  ],
  email: [
    ["a@b.de", "first.last+tag@sub.example.com", "o'x@a-b.cd"],
    ["a@b", "a b@c.de", ".a@b.de", "a@-b.de", "@b.de"],
  ],
  "idn-email": [
    ["ä@b.de", "用户@例子.公司"],
    ["nope nope", "a@", "@b"],
  ],
  hostname: [
    ["a.example.com", "localhost", "a-b.c", "example.com."],
    ["-a.b", "a..b", "a_b", "", "a-.b"],
  ],
  "idn-hostname": [
    ["bücher.example", "例子.公司"],
    ["-ä", ""],
  ],
  ipv4: [
    ["127.0.0.1", "255.255.255.255", "0.0.0.0"],
    ["256.1.1.1", "1.2.3", "01.2.3.4"],
  ],
  ipv6: [
    [
      "::1",
      "::",
      "2001:db8::ff00:42:8329",
      "1:2:3:4:5:6:7:8",
      "::ffff:192.168.0.1",
      "1:2:3:4:5:6:1.2.3.4",
      "1:2:3:4:5:6:7::",
    ],
    [":::", "1:2:3", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::256.1.1.1"],
  ],
  uri: [
    ["https://a.b/c?d=e#f", "mailto:a@b.c", "urn:isbn:0451450523", "http://u:p@h:80/%20?q"],
    ["a b", "/a/b", "//h/p", "http://a b", "http://a/%zz", "1http://a"],
  ],
  "uri-reference": [
    ["/a?b", "", "a/b", "//h/p", "https://a.b", "#f", "?q"],
    ["a b", "\\", "%zz"],
  ],
  iri: [["https://bücher.example/ä"], ["/ä", "https://a b"]],
  "iri-reference": [["/ä?ö", ""], ["a b"]],
  "uri-template": [
    ["/a/{id}", "/{?x,y*}", "plain", "{+path:3}"],
    ["/{", "{}", "a b"],
  ],
  url: [
    ["https://example.com/a?b", "ftp://a.example.org:21/x"],
    ["example.com", "http://localhost", "https://a b.com"],
  ],
  uuid: [
    ["123e4567-e89b-12d3-a456-426614174000", "urn:uuid:123E4567-E89B-12D3-A456-426614174000"],
    ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"],
  ],
  uuid4: [["123e4567-e89b-42d3-a456-426614174000"], ["x"]],
  "json-pointer": [
    ["", "/a/b", "/~0~1", "/ä"],
    ["a", "/~2", "/~"],
  ],
  "json-pointer-uri-fragment": [
    ["#", "#/a/%20"],
    ["/a", "#a"],
  ],
  "relative-json-pointer": [
    ["0", "1/a", "2#"],
    ["/a", "01/a", "-1"],
  ],
  byte: [
    ["aGk=", "", "YWJj", "YQ=="],
    ["a", "aGk", "a===", "a b="],
  ],
  base64: [["aGk="], ["a"]],
};

const text = (format: string) => ({ type: "string", format });
const judged = knownFormats().filter((format) => !kUnjudgedFormats.has(format));

describe("formats", () => {
  it("have samples each", () => {
    expect(Object.keys(samples).sort()).toEqual([...judged].sort());
  });

  it.each(Object.entries(samples))(
    "%s accepts its texts and no others, as ajv does",
    (format, [valid, invalid]) => {
      const matcher = createReferenceMatcher(schemaToGrammar(text(format)));
      const isValid = ajvKnows(format) ? ajvJudge(text(format)) : undefined;
      for (const [texts, expected] of [
        [valid, true],
        [invalid, false],
      ] as const)
        for (const one of texts) {
          expect([one, matcher.accepts(JSON.stringify(one))]).toEqual([one, expected]);
          expect([one, isValid?.(one) ?? expected]).toEqual([one, expected]);
        }
    },
  );

  it.each(judged.filter(ajvKnows))("every random text of %s is one for ajv", (format) => {
    const matcher = createReferenceMatcher(schemaToGrammar(text(format)));
    const isValid = ajvJudge(text(format));
    const random = seededRandom(15);
    for (let walk = 0; walk < 150; walk++) {
      const written = randomText(matcher, random, walk % 50);
      expect([written, isValid(JSON.parse(written))]).toEqual([written, true]);
    }
  });

  it("of numbers bound them, and bound no text", () => {
    const accepts = (schema: unknown, texts: string[]) =>
      texts.filter(createReferenceMatcher(schemaToGrammar(schema)).accepts);
    expect(accepts({ type: "number", format: "int32" }, ["2147483647", "2147483648", "1.5"])).toEqual([
      "2147483647",
    ]);
    expect(accepts({ type: "number", format: "int64" }, ["2147483648", "1.5"])).toEqual(["2147483648"]);
    expect(accepts({ format: "int32" }, ['"x"', "1", "1.5"])).toEqual(['"x"', "1"]);
  });

  it("that are not known are refused, but beside a pattern", () => {
    expect(() => schemaToGrammar(text("cuid2"))).toThrow(/"cuid2" at format; say it with pattern/);
    expect(() => schemaToGrammar({ ...text("cuid2"), pattern: "^[0-9a-z]+$" })).not.toThrow();
  });
});

function ajvKnows(format: string): boolean {
  return !["idn-email", "idn-hostname", "iri", "iri-reference", "uuid4", "base64"].includes(format);
}
