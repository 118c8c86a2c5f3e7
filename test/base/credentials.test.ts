import { describe, expect, it } from "vitest";
import { textWithoutCredentials, withoutCredentials } from "../../src/base/credentials.js";

const key = "sk-abcdefghijklmnop1234";
/** What a body may carry, and what is left of it. */
const bodies: readonly (readonly [unknown, unknown])[] = [
  [
    { api_key: "k", apiKey: "k", "x-api-key": "k" },
    { api_key: "[redacted]", apiKey: "[redacted]", "x-api-key": "[redacted]" },
  ],
  [
    { tools: [{ type: "mcp", headers: { Authorization: "token x" }, authorization: ["a", "b"] }] },
    { tools: [{ type: "mcp", headers: { Authorization: "[redacted]" }, authorization: "[redacted]" }] },
  ],
  [
    { aws_secret_access_key: "k", password: "p", access_token: "t" },
    { aws_secret_access_key: "[redacted]", password: "[redacted]", access_token: "[redacted]" },
  ],
  [
    { error: { message: `Incorrect API key provided: ${key}.` } },
    { error: { message: "Incorrect API key provided: [redacted]." } },
  ],
  [
    ["Bearer abcdefgh.ijk=", "Basic dXNlcjpwYXNz"],
    ["Bearer [redacted]", "Basic [redacted]"],
  ],
  [
    { url: "https://me:pw@host/v1?api_key=k&n=1&token=t#end", other: "see http://host/?sig=a%2Fb next" },
    {
      url: "https://[redacted]@host/v1?api_key=[redacted]&n=1&token=[redacted]#end",
      other: "see http://host/?sig=[redacted] next",
    },
  ],
];
const untouched: readonly unknown[] = [
  {
    messages: [
      { role: "user", content: 'what is an "api_key": a password? mail me@host, see http://host/@me?page=2' },
    ],
  },
  {
    tools: [
      { function: { parameters: { properties: { password: { type: "string" } }, required: ["password"] } } },
    ],
  },
  { usage: { prompt_tokens: 3, completion_tokens: 5 }, token_ids: [1, 2, 3], max_tokens: 7, tokens: ["a"] },
  { id: 7, n: null, list: [], text: "the bearer of this letter; sk-short; a basic idea" },
];

describe("a body", () => {
  it.each(bodies)("loses its credentials: %j", (body, left) => {
    expect(withoutCredentials(body)).toEqual(left);
    expect(JSON.parse(textWithoutCredentials(JSON.stringify(body)))).toEqual(left);
    expect(JSON.parse(textWithoutCredentials(JSON.stringify(body, null, 2)))).toEqual(left);
  });

  it.each(untouched)("is left as it is where it has none: %j", (body) => {
    expect(withoutCredentials(body)).toBe(body);
    const text = JSON.stringify(body);
    expect(textWithoutCredentials(text)).toBe(text);
  });

  it("loses them from events of a stream and from text that is no JSON", () => {
    expect(
      textWithoutCredentials('data: {"api_key": "a\\"b", "n": 12345678901234567890}\n\ndata: [DONE]'),
    ).toBe('data: {"api_key": "[redacted]", "n": 12345678901234567890}\n\ndata: [DONE]');
    expect(textWithoutCredentials(`connect to https://u:p@h failed with ${key}`)).toBe(
      "connect to https://[redacted]@h failed with [redacted]",
    );
  });

  it("is read in time that grows with its length alone", () => {
    for (const part of ['"api_key":"', "https://", "?key=", "Bearer ", '"authorization":["a",', "sk-a"])
      textWithoutCredentials(part.repeat(200_000));
  });
});
