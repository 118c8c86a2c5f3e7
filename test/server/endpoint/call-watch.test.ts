import { describe, expect, it } from "vitest";
import { createCallWatch } from "../../../src/server/endpoint/call-watch.js";
import { scripted, tokenizer } from "./scripted-policy.js";

const call = (name: string) => `<tool_call>\n{"name": "${name}", "arguments": {}}\n</tool_call>`;
const tools = [{ type: "function", function: { name: "add" } }];
const body = { model: "m", messages: [{ role: "user", content: "hi" }], tools, parallel_tool_calls: false };

/** How much was said when the watch ended the choice; undefined: it did not. */
function endOf(text: string, inThought = false): string | undefined {
  const isLast = createCallWatch({
    ...{ tokenizer, inThought, stopTokenIds: [], stop: [] },
    calls: { family: "hermes", tools: [] },
    isHeld: false,
    idPrefix: "",
  });
  const ids = [...tokenizer.encode(text)];
  const at = ids.findIndex((token) => isLast({ choice: 0, token, logprob: 0 }));
  return at < 0 ? undefined : tokenizer.decode(ids.slice(0, at + 1));
}

describe("an answer of one call", () => {
  it.each([
    ["the first of two", `${call("a")}\n${call("b")}`, `${call("a")}`],
    ["after text", `Well. ${call("a")} more`, `Well. ${call("a")}`],
    [
      "after a thought that talks of another",
      `<think>${call("x")}</think>${call("a")}${call("b")}`,
      `<think>${call("x")}</think>${call("a")}`,
    ],
    [
      "after one in quotes",
      `Not "${call("x")}" but ${call("a")}${call("b")}`,
      `Not "${call("x")}" but ${call("a")}`,
    ],
    [
      "after what is no call",
      `<tool_call>no</tool_call>${call("a")}`,
      `<tool_call>no</tool_call>${call("a")}`,
    ],
  ])("ends where its call does: %s", (_, text, end) => {
    expect(endOf(text)).toBe(end);
  });

  it("does not end in a thought, nor without a call", () => {
    expect(endOf(`<think>${call("a")}`)).toBeUndefined();
    expect(endOf(`${call("a")} it is`, true)).toBeUndefined();
    expect(endOf("Nothing to do.")).toBeUndefined();
  });

  it("keeps choices apart", () => {
    const isLast = createCallWatch({
      ...{ tokenizer, inThought: false, stopTokenIds: [], stop: [] },
      calls: { family: "hermes", tools: [] },
      isHeld: false,
      idPrefix: "",
    });
    const ids = [...tokenizer.encode(call("a"))];
    const ends = ids.flatMap((token, at) =>
      [0, 1].filter((choice) => isLast({ choice, token, logprob: 0 })).map(() => at),
    );
    expect(ends).toEqual([ids.length - 1, ids.length - 1]);
  });

  it("has one call, streamed or not, whatever was said behind it", async () => {
    const texts = [`Well.\n${call("a")} and ${call("b")}`];
    const whole = (await scripted(texts).post(body)).json.choices[0];
    expect(whole.message).toMatchObject({ content: "Well.", tool_calls: [{ function: { name: "a" } }] });
    expect(whole.message.tool_calls).toHaveLength(1);
    const deltas = (await scripted(texts).stream(body)).map((chunk) => chunk.choices[0].delta);
    expect(deltas.map(({ content }) => content ?? "").join("")).toBe("Well.");
    expect(deltas.flatMap((delta) => delta.tool_calls ?? [])).toHaveLength(1);
    const many = await scripted(texts).post({ ...body, parallel_tool_calls: true });
    expect(many.json.choices[0].message.tool_calls).toHaveLength(2);
  });
});
