import { describe, expect, it } from "vitest";
import { openTemplate, publicTemplates, sourceOf } from "../../policy/tool-calls/chat-templates.js";
import { scripted } from "./scripted-policy.js";

const parameters = { type: "object", properties: { a: { type: "integer" }, b: { type: "string" } } };
const tools = ["add", "sub"].map((name) => ({
  type: "function" as const,
  function: { name, description: "d", parameters },
}));
const calls = [
  { id: "Aa0Bb1Cc2", type: "function", function: { name: "add", arguments: '{"a": 1, "b": "x\\n<y>"}' } },
  { id: "Dd3Ee4Ff5", type: "function", function: { name: "sub", arguments: "{}" } },
] as const;
const asked = { role: "user", content: "1+2" };
const body = { model: "m", messages: [asked], tools };

// biome-ignore lint/suspicious/noExplicitAny: a wire message of any shape
type Wire = any;
const functions = (message: Wire) => message.tool_calls.map((call: Wire) => call.function);

describe("tool calls of a public chat template", () => {
  // Those of DeepSeek's publisher leave the tools to the system message.
  const told = publicTemplates.filter(({ family }) => !family.startsWith("deepseek"));
  it.each(told)(
    "are answered, streamed alike, and continued with their ids as sampled: $name",
    async (public_) => {
      const some = calls.slice(0, public_.most);
      const written = openTemplate(public_).write(some, tools);
      // Empty thoughts are taken out of the past by some templates.
      const text =
        (public_.opensThought ? "So.\n</think>\n\n" : "") + written.replace(/^<think>\s*<\/think>\s*/, "");
      const template = sourceOf(public_);
      const policy = scripted([text, "three"], 4096, { template });
      const { status, json } = await policy.post(body);
      expect([status, json.error?.message]).toEqual([200, undefined]);
      const { message, finish_reason } = json.choices[0];
      expect(finish_reason).toBe("tool_calls");
      expect(functions(message)).toEqual(some.map((call) => call.function));
      const results = message.tool_calls.map((call: Wire) => ({
        ...{ role: "tool", content: "3" },
        tool_call_id: call.id,
      }));
      const next = await policy.post({ ...body, messages: [asked, message, ...results] });
      expect([next.status, next.json.error?.message]).toEqual([200, undefined]);
      const [one, two] = policy.calls;
      const earlier = [...(one?.prompt.ids ?? []), ...(one?.choice.sampled.tokens ?? [])];
      expect([two?.prompt.prefix, [...(two?.prompt.ids ?? [])].slice(0, earlier.length)]).toEqual([
        "extends",
        earlier,
      ]);

      const deltas = (await scripted([text], 4096, { template }).stream(body)).map(
        ({ choices }) => choices[0].delta,
      );
      expect(deltas.flatMap((delta) => delta.tool_calls ?? []).map((call: Wire) => call.function)).toEqual(
        functions(message),
      );
      expect(deltas.map((delta) => delta.content ?? "").join("")).toBe(message.content ?? "");
    },
  );

  const untold = publicTemplates.filter(({ family }) => family.startsWith("deepseek"));
  it.each(untold)("are refused where it does not tell the model of tools: $name", async (public_) => {
    const { status, json } = await scripted([], 4096, { template: sourceOf(public_) }).post(body);
    expect([status, json.error.param]).toEqual([400, "tools"]);
    expect(json.error.message).toContain("does not tell the model of tools");
  });

  const single = publicTemplates.filter(({ family }) => family === "llama");
  it.each(single)("are one where it refuses several: $name", async (public_) => {
    const one = '{"name": "add", "parameters": {"a": 1}}';
    const policy = scripted([`${one}; ${one}`], 4096, { template: sourceOf(public_) });
    const { message } = (await policy.post(body)).json.choices[0];
    expect(functions(message)).toEqual([{ name: "add", arguments: '{"a": 1}' }]);
  });

  const short = publicTemplates.filter(({ family }) => family === "mistral-v3" || family === "mistral-v11");
  it.each(short)("may come with ids of any length, or with none: $name", async (public_) => {
    const policy = scripted(["done"], 4096, { template: sourceOf(public_) });
    const { function: called } = calls[0];
    for (const id of ["call_of_another_model", undefined]) {
      const past = {
        role: "assistant",
        content: null,
        tool_calls: [{ id, type: "function", function: called }],
      };
      const messages = [asked, past, { role: "tool", tool_call_id: id, content: "3" }];
      const { status, json } = await policy.post({ ...body, messages });
      expect([status, json.error?.message]).toEqual([200, undefined]);
    }
  });
});

describe("a call that is demanded", () => {
  const text = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "as it is written"}}\n</tool_call>';
  const demanded = { ...body, tool_choice: "required" };
  const deltasOf = (chunks: Wire[]) => chunks.flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
  const joined = (deltas: Wire[]) => deltas.map((delta) => delta.function.arguments).join("");

  it("is streamed as it is written", async () => {
    const policy = scripted([text], 1024);
    const deltas = deltasOf(await policy.stream(demanded));
    expect(policy.asked[0]?.constraint).toBeDefined();
    expect(deltas.length).toBeGreaterThan(5);
    expect([deltas[0].function.name, joined(deltas)]).toEqual(["add", '{"a": 1, "b": "as it is written"}']);
  });

  it("is a call as far as it was written where the limit cut it, streamed or not", async () => {
    const cut = text.slice(0, 60);
    const [choice] = (await scripted([{ cut }], 1024).post(demanded)).json.choices;
    expect(choice.finish_reason).toBe("length");
    const [called] = choice.message.tool_calls;
    expect(text).toContain(`"arguments": ${called.function.arguments}`);
    expect(joined(deltasOf(await scripted([{ cut }], 1024).stream(demanded)))).toBe(
      called.function.arguments,
    );
    // One that is not demanded may as well be text.
    const free = (await scripted([{ cut }], 1024).post(body)).json.choices[0].message;
    expect([free.content, free.tool_calls]).toEqual([cut, undefined]);
  });
});
