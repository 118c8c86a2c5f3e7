import { describe, expect, it } from "vitest";
import { anthropicDialect } from "../../../../src/server/endpoint/anthropic/anthropic-dialect.js";
import { createItemMemory } from "../../../../src/server/endpoint/item-memory.js";
import { wireRequest } from "../wire-request.js";

const parse = (body: object, path = "/v1/messages") =>
  anthropicDialect.parse(wireRequest(path, { ...kHi, ...body }), createItemMemory());
const kHi = { model: "m", messages: [{ role: "user", content: "hi" }] };
const text = (text: string) => ({ type: "text", text });
const use = (id: string) => ({ type: "tool_use", id, name: "add", input: { a: 1 } });
const result = (id: string, more: object) => ({ type: "tool_result", tool_use_id: id, ...more });
const answered = (...blocks: unknown[]) =>
  parse({
    messages: [
      ...kHi.messages,
      { role: "assistant", content: [use("t1"), use("t2")] },
      { role: "user", content: blocks },
    ],
  }).messages.slice(2);

describe("an Anthropic request", () => {
  it("has its instructions before the messages, in one text or in parts, whatever is marked for a cache", () => {
    const cached = { ...text("be"), cache_control: { type: "ephemeral" } };
    expect(parse({ system: "be" }).messages[0]).toEqual({ role: "system", content: "be" });
    expect(parse({ system: [cached] }).messages[0]).toEqual({ role: "system", content: "be" });
    const parts = [text("be"), text("brief")];
    expect(parse({ system: [cached, text("brief")] }).messages[0]).toEqual({
      role: "system",
      content: parts,
    });
    for (const none of ["", [], null]) expect(parse({ system: none }).messages).toEqual(kHi.messages);
  });

  it("may have instructions among its messages", () => {
    const messages = [
      ...kHi.messages,
      { role: "system", content: [text("now brief")] },
      { role: "user", content: "so" },
    ];
    expect(parse({ messages }).messages[1]).toEqual({ role: "system", content: "now brief" });
  });

  it("is read as text, thoughts and calls of an assistant, whose texts are pieces of one answer", () => {
    const content = [
      { type: "thinking", thinking: "hm", signature: "s" },
      ...[text("I "), { ...text("add."), citations: null }, use("t1")],
    ];
    const [, said] = parse({
      messages: [...kHi.messages, { role: "assistant", content }, ...kHi.messages],
    }).messages;
    const call = { id: "t1", type: "function", function: { name: "add", arguments: '{"a":1}' } };
    expect(said).toEqual({ role: "assistant", content: "I add.", reasoning: "hm", tool_calls: [call] });
  });

  it("keeps the order of a user's texts and results", () => {
    expect(
      answered(
        text("a"),
        result("t1", { content: "1" }),
        text("b"),
        text("c"),
        result("t2", { content: [text("2")] }),
      ),
    ).toEqual([
      { role: "user", content: "a" },
      { role: "tool", tool_call_id: "t1", content: "1" },
      { role: "user", content: [text("b"), text("c")] },
      { role: "tool", tool_call_id: "t2", content: "2" },
    ]);
  });

  it.each([
    [{ content: "no such file", is_error: true }, "Error: no such file"],
    [{ content: [text("Error: gone")], is_error: true }, "Error: gone"],
    [{ is_error: true }, "Error:"],
    [{}, ""],
    [{ content: "errors: none", is_error: false }, "errors: none"],
  ])("says in the text of a result that it is an error: %j", (more, content) => {
    expect(answered(result("t1", more))).toEqual([{ role: "tool", tool_call_id: "t1", content }]);
  });

  it("tells the model of its tools, and of deferred ones when a result refers to them", () => {
    const tool = (name: string, more = {}) => ({ name, input_schema: { type: "object" }, ...more });
    const tools = [
      tool("add", { description: "Adds.", strict: true, cache_control: {} }),
      tool("later", { defer_loading: true, type: "custom" }),
    ];
    const parameters = { type: "object" };
    const add = {
      type: "function",
      function: { name: "add", description: "Adds.", parameters, strict: true },
    };
    expect(parse({ tools }).tools).toEqual([add]);
    const found = result("t1", { content: [{ type: "tool_reference", tool_name: "later" }] });
    const messages = [
      ...kHi.messages,
      { role: "assistant", content: [use("t1")] },
      { role: "user", content: [found] },
    ];
    const told = parse({ tools, messages });
    expect(told.tools).toEqual([add, { type: "function", function: { name: "later", parameters } }]);
    expect(told.messages[2]).toEqual({ role: "tool", tool_call_id: "t1", content: "later" });
  });

  it.each([
    [undefined, "auto", true, 1],
    [{ type: "auto", disable_parallel_tool_use: true }, "auto", false, 1],
    [{ type: "any" }, "required", true, 1],
    [{ type: "tool", name: "add" }, { name: "add" }, true, 1],
    [{ type: "none" }, "none", true, 0],
  ])("chooses tools as it says: %j", (tool_choice, toolChoice, parallelToolCalls, told) => {
    const call = parse({ tools: [{ name: "add", input_schema: {} }], tool_choice });
    expect(call).toMatchObject({ toolChoice, parallelToolCalls });
    expect(call.tools).toHaveLength(told);
  });

  it("asks for its sampling, its form and its thoughts", () => {
    const schema = { type: "object" };
    const asked = {
      max_tokens: 128_000,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop_sequences: ["x"],
      stream: true,
    };
    const call = parse({
      ...asked,
      output_config: { format: { type: "json_schema", schema } },
      thinking: { type: "disabled" },
    });
    expect(call.sampling).toEqual({
      ...{
        temperature: 0.5,
        topP: 0.9,
        topK: 5,
        minP: null,
        maxTokens: 128_000,
        stop: ["x"],
        stopTokenIds: null,
      },
    });
    expect(call).toMatchObject({
      stream: true,
      output: { kind: "schema", schema },
      template: { enable_thinking: false },
    });
    expect(parse({ output_format: { type: "json_schema", schema } }).output).toMatchObject({ schema });
    expect(parse({ thinking: { type: "adaptive", display: "updates" } }).template).toEqual({});
    expect(parse({ thinking: { type: "enabled", budget_tokens: 10 } }).template).toEqual({
      enable_thinking: true,
    });
  });

  it("names what it carries that has no effect, and nothing of what is for the provider alone", () => {
    const provider = {
      metadata: { user_id: "u" },
      service_tier: "auto",
      context_management: { edits: [] },
      thread: { type: "create" },
    };
    expect(parse({ ...provider, cache_control: {}, speed: "fast" }).ignored).toEqual([]);
    const known = { output_config: { effort: "high" }, thinking: { type: "enabled", budget_tokens: 10 } };
    expect(parse({ ...known, novelty: 1 }).ignored).toEqual([
      "novelty",
      "output_config.effort",
      "thinking.budget_tokens",
    ]);
  });

  it("names its model by the path at Google, which says whether it streams", () => {
    const { model: _, ...body } = kHi;
    const at = (method: string) =>
      anthropicDialect.parse(
        wireRequest(`/v1/projects/p/locations/l/publishers/anthropic/models/claude-5@1:${method}`, body),
        createItemMemory(),
      );
    expect(at("rawPredict")).toMatchObject({ model: "claude-5@1", stream: false });
    expect(at("streamRawPredict")).toMatchObject({ model: "claude-5@1", stream: true });
  });

  const image = { type: "image", source: { type: "base64" } };
  const assistant = { role: "assistant", content: "I" };
  it.each<[string, object]>([
    ["messages.0.content.0.type", { messages: [{ role: "user", content: [image] }] }],
    ["messages.0.content.0.type", { messages: [{ role: "user", content: [{ type: "document" }] }] }],
    [
      "messages.0.content.0.type",
      { messages: [{ role: "assistant", content: [{ type: "redacted_thinking" }] }] },
    ],
    ["messages.0.content.0.type", { messages: [{ role: "user", content: [5] }] }],
    ["messages.0.content.0.tool_use_id", { messages: [{ role: "user", content: [result("t1", {})] }] }],
    ["system.0.type", { system: [image] }],
    ["messages", { messages: [...kHi.messages, assistant] }],
    ["tools.0.type", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
    ["tools.0.input_schema", { tools: [{ name: "add" }] }],
    ["tool_choice", { tool_choice: { type: "any" } }],
    [
      "tool_choice.name",
      { tools: [{ name: "add", input_schema: {} }], tool_choice: { type: "tool", name: "sub" } },
    ],
    ["mcp_servers", { mcp_servers: [{ type: "url" }] }],
    ["container", { container: "c" }],
    ["output_config.format.type", { output_config: { format: { type: "grammar" } } }],
    ["temperature", { temperature: 1.5 }],
    ["max_tokenz", { max_tokenz: 5 }],
    ["stop", { stop: ["x"] }],
    ["model", { model: undefined }],
  ])("is refused by the name of %s", (field, body) => {
    expect(() => parse(body)).toThrow(expect.objectContaining({ status: 400, field }));
  });
});
