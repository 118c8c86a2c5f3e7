import { describe, expect, it } from "vitest";
import { type DialectClient, dialectLaws, type Wire } from "../dialect-laws.js";
import { scripted, tokenizer } from "../scripted-policy.js";

function eventsOf(text: string): Wire[] {
  const events = text.split("\n\n").filter(Boolean);
  if (events.pop() !== "data: [DONE]") throw new Error("the stream did not end with [DONE]");
  return events.map((event) => JSON.parse(event.replace(/^data: /, "")));
}

const client: DialectClient = {
  name: "openai.completion",
  hasNoTools: true,
  hasNoMessages: true,
  path: () => "/v1/completions",
  body: ({ turns, stop, maxTokens = 64, stream }) => ({
    model: "m",
    prompt: turns
      .map((turn) => {
        if ("user" in turn) return turn.user;
        // What ends an answer is the client's to write.
        return "answer" in turn ? `${turn.answer.choices[0].text}<|im_end|>` : turn.result;
      })
      .join(""),
    max_tokens: maxTokens,
    ...(stop === undefined ? {} : { stop }),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
  }),
  read: ({ id, choices: [{ text, finish_reason }], usage }) => ({
    ...{ id, text, calls: [], stop: finish_reason },
    usage: { input: usage.prompt_tokens, output: usage.completion_tokens },
  }),
  readStream(text) {
    const events = eventsOf(text);
    const { usage } = events.pop();
    return {
      id: events[0].id,
      text: events.map(({ choices }) => choices[0].text).join(""),
      calls: [],
      stop: events.at(-1).choices[0].finish_reason,
      usage: { input: usage.prompt_tokens, output: usage.completion_tokens },
    };
  },
  readError({ error }) {
    if (!["invalid_request_error", "server_error"].includes(error.type))
      throw new Error(`type ${error.type}`);
    return error.message;
  },
  readStreamError: (text) =>
    JSON.parse(
      text
        .split("\n\n")
        .filter(Boolean)
        .at(-1)
        ?.replace(/^data: /, "") ?? "",
    ).error.message,
};

dialectLaws(client);

describe("completions", () => {
  const path = "/v1/completions";

  it.each([
    ["a text", "one two"],
    ["a text in a list", ["one two"]],
    ["ids", [...tokenizer.encode("one two")]],
    ["ids in a list", [[...tokenizer.encode("one two")]]],
  ])("reads a prompt that is %s", async (_, prompt) => {
    const policy = scripted(["a"]);
    await policy.post({ model: "m", prompt }, path);
    expect(Array.from(policy.asked[0]?.prompt as Int32Array)).toEqual([...tokenizer.encode("one two")]);
    expect(policy.calls[0]?.prompt.text).toBe("one two");
    expect(policy.asked[0]?.maxTokens).toBe(16);
  });

  it("goes on from ids that begin with a whole exchange, and from no others", async () => {
    const policy = scripted(["a", "b", "c"]);
    const ids = [...tokenizer.encode("one")];
    const { json } = await policy.post({ model: "m", prompt: ids, return_token_ids: true }, path);
    expect(json.choices[0].prompt_token_ids).toEqual(ids);
    const whole = [...ids, ...json.choices[0].token_ids];
    await policy.post({ model: "m", prompt: [...whole, 5] }, path);
    await policy.post({ model: "m", prompt: [...ids, 5] }, path);
    expect(policy.calls.map(({ prompt }) => prompt.prefix)).toEqual(["start", "extends", "start"]);
  });

  it("lists log-probabilities side by side", async () => {
    const { json } = await scripted(["one two"]).post({ model: "m", prompt: "hi", logprobs: 2 }, path);
    const { tokens, token_logprobs, top_logprobs, text_offset } = json.choices[0].logprobs;
    const count = tokenizer.encode("one two").length + 1;
    expect(tokens.join("")).toBe("one two<|im_end|>");
    expect([token_logprobs, top_logprobs, text_offset].map((list) => list.length)).toEqual([
      count,
      count,
      count,
    ]);
    expect(Object.keys(top_logprobs[0])).toHaveLength(2);
    expect(text_offset.slice(0, 2)).toEqual([0, tokens[0].length]);
  });

  it.each([
    [{ echo: true }, "echo"],
    [{ suffix: "." }, "suffix"],
    [{ best_of: 3 }, "best_of"],
    [{ prompt: ["one", "two"] }, "prompt"],
    [{ prompt: [] }, "prompt"],
    [{ prompt: "" }, "prompt"],
    [{ prompt: [[]] }, "prompt"],
    [{ prompt: [99999999] }, "prompt"],
  ])("refuses %j by name", async (more, param) => {
    const { status, json } = await scripted(["a"]).post({ model: "m", prompt: "hi", ...more }, path);
    expect([status, json.error.param]).toEqual([400, param]);
  });
});
