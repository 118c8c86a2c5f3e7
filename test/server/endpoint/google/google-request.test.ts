import { describe, expect, it } from "vitest";
import { googleDialect } from "../../../../src/server/endpoint/google/google-dialect.js";
import { createItemMemory } from "../../../../src/server/endpoint/item-memory.js";
import { wireRequest } from "../wire-request.js";

const kPath = "/v1beta/models/gemini-m:generateContent";
const kHi = { contents: [{ role: "user", parts: [{ text: "hi" }] }] };
const parse = (body: object, path = kPath) =>
  googleDialect.parse(wireRequest(path, { ...kHi, ...body }), createItemMemory());
const call = (name: string, more = {}) => ({ functionCall: { name, args: { a: 1 }, ...more } });
const result = (name: string, response: unknown, more = {}) => ({
  functionResponse: { name, response, ...more },
});
const model = (...parts: object[]) => ({ role: "model", parts });
const user = (...parts: object[]) => ({ role: "user", parts });
const declare = (...names: string[]) => [
  { functionDeclarations: names.map((name) => ({ name, description: "d" })) },
];

describe("a Google request", () => {
  it("has its instructions before the contents, in one text or in parts", () => {
    const lead = (systemInstruction: unknown) => parse({ systemInstruction }).messages[0];
    expect(lead({ parts: [{ text: "be" }], role: "user" })).toEqual({ role: "system", content: "be" });
    expect(lead({ parts: { text: "be" } })).toEqual({ role: "system", content: "be" });
    expect(lead("be")).toEqual({ role: "system", content: "be" });
    const parts = ["be", "brief"].map((text) => ({ type: "text", text }));
    expect(lead({ parts: [{ text: "be" }, { text: "brief" }] })).toEqual({ role: "system", content: parts });
    expect(lead({ parts: [] })).toEqual({ role: "user", content: "hi" });
  });

  it("may be written in snake case, except for what belongs to the agent", () => {
    const args = { in_snake: 1 };
    const snake = {
      system_instruction: { parts: [{ text: "be" }] },
      generation_config: { max_output_tokens: 5, stop_sequences: ["x"] },
      tools: [
        {
          function_declarations: [{ name: "add", parameters_json_schema: { properties: { in_snake: {} } } }],
        },
      ],
      contents: [
        ...kHi.contents,
        model({ function_call: { name: "add", args } }),
        user({ function_response: { name: "add", response: args } }),
      ],
    };
    const asked = parse(snake);
    expect(asked.sampling).toMatchObject({ maxTokens: 5, stop: ["x"] });
    expect(asked.tools[0]?.function.parameters).toEqual({ properties: { in_snake: {} } });
    expect(asked.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(asked.messages[2]?.tool_calls?.[0]?.function.arguments).toBe('{"in_snake":1}');
    expect(asked.messages[3]?.content).toBe('{"in_snake":1}');
  });

  it("takes one content, or a text, for a list of it", () => {
    for (const contents of [
      "hi",
      ["hi"],
      { parts: [{ text: "hi" }] },
      { role: "user", parts: ["hi"] },
      kHi.contents,
    ])
      expect(parse({ contents }).messages).toEqual([{ role: "user", content: "hi" }]);
  });

  it("takes contents of the model in a row for one answer, as a chat keeps those of a stream", () => {
    const pieces = [
      model({ text: "h", thought: true }),
      model({ text: "m", thought: true }),
      model({ text: "I " }),
      model({ text: "add." }),
      model(call("add")),
      model({ text: "" }),
    ];
    const { messages } = parse({
      contents: [...kHi.contents, ...pieces, user(result("add", { result: "3" }))],
    });
    const said = { id: "call_0", type: "function", function: { name: "add", arguments: '{"a":1}' } };
    expect(messages[1]).toEqual({
      role: "assistant",
      content: "I add.",
      reasoning: "hm",
      tool_calls: [said],
    });
    expect(parse({ contents: [...kHi.contents, ...kHi.contents] }).messages).toHaveLength(2);
  });

  it("gives each result to its call: by id, else by name in their order", () => {
    const asked = (calls: object[], results: object[]) =>
      parse({ contents: [...kHi.contents, model(...calls), user(...results)] }).messages.flatMap(
        ({ tool_call_id, content }) => (tool_call_id === undefined ? [] : [[tool_call_id, content]]),
      );
    const twice = [call("add"), call("sub"), call("add")];
    expect(
      asked(twice, [
        result("add", { result: "1" }),
        result("add", { result: "2" }),
        result("sub", { result: "3" }),
      ]),
    ).toEqual([
      ...[
        ["call_0", "1"],
        ["call_2", "2"],
        ["call_1", "3"],
      ],
    ]);
    const named = [call("add", { id: "x" }), call("add", { id: "y" })];
    expect(
      asked(named, [
        result("add", { result: "1" }, { id: "y" }),
        result("add", { result: "2" }, { id: "x" }),
      ]),
    ).toEqual([
      ...[
        ["y", "1"],
        ["x", "2"],
      ],
    ]);
    // Once a client keeps no ids, those of a result are of no use.
    expect(asked(twice.slice(0, 1), [result("add", { result: "1" }, { id: "own" })])).toEqual([
      ["call_0", "1"],
    ]);
  });

  it.each([
    [{ result: "3" }, "3"],
    [{ output: { sum: 3 } }, '{"sum":3}'],
    [{ name: "add", content: "3" }, "3"],
    [{ name: "Bob" }, '{"name":"Bob"}'],
    [{ error: "gone" }, "gone"],
    [{ sum: 3, of: 2 }, '{"sum":3,"of":2}'],
    [{ result: "3", of: 2 }, '{"result":"3","of":2}'],
    ["3", "3"],
    [undefined, ""],
  ])("tells the model of a result what it says: %j", (response, content) => {
    const contents = [...kHi.contents, model(call("add")), user(result("add", response))];
    expect(parse({ contents }).messages.at(-1)).toEqual({ role: "tool", tool_call_id: "call_0", content });
  });

  it.each([
    [undefined, "auto", ["add", "sub"]],
    [{ mode: "AUTO" }, "auto", ["add", "sub"]],
    [{ mode: "NONE" }, "none", []],
    [{ mode: "ANY" }, "required", ["add", "sub"]],
    [{ mode: "ANY", allowedFunctionNames: ["sub"] }, { name: "sub" }, ["add", "sub"]],
    [{ mode: "ANY", allowedFunctionNames: ["sub", "mul"] }, "required", ["sub", "mul"]],
    [{ mode: "VALIDATED", allowedFunctionNames: ["add"] }, "auto", ["add"]],
  ])("chooses functions as it says: %j", (functionCallingConfig, toolChoice, told) => {
    const tools = declare("add", "sub", ...(told.includes("mul") ? ["mul"] : []));
    const asked = parse({ tools, toolConfig: { functionCallingConfig } });
    expect(asked.toolChoice).toEqual(toolChoice);
    expect(asked.tools.map((tool) => tool.function.name)).toEqual(told);
  });

  it("asks for its sampling, its form and its thoughts", () => {
    const sampling = {
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 7,
      stopSequences: ["x"],
      candidateCount: 2,
      seed: 3,
    };
    const config = (generationConfig: object) => parse({ generationConfig });
    expect(config(sampling)).toMatchObject({
      ...{ n: 2, stream: false, output: { kind: "text" }, template: {}, ignored: [] },
      sampling: {
        temperature: 0.5,
        topP: 0.9,
        topK: 5,
        minP: null,
        maxTokens: 7,
        stop: ["x"],
        stopTokenIds: null,
      },
    });
    const json = { responseMimeType: "application/json" };
    expect(config(json).output).toEqual({ kind: "json" });
    const schema = { type: "object", properties: { a: { type: "integer" } } };
    const upper = { type: "OBJECT", properties: { a: { type: "INTEGER" } } };
    for (const [field, more] of [
      ["responseSchema", { responseSchema: upper }],
      ["responseJsonSchema", { responseJsonSchema: schema }],
      ["responseJsonSchema", { _responseJsonSchema: schema }],
    ] as const)
      expect(config({ ...json, ...more }).output).toEqual({
        ...{ kind: "schema", name: "output", schema },
        at: `generationConfig.${field}`,
      });
    expect(config({ thinkingConfig: { includeThoughts: true, thinkingBudget: 0 } }).template).toEqual({
      enable_thinking: false,
    });
    expect(config({ thinkingConfig: { thinkingBudget: -1 } }).template).toEqual({});
    const budget = config({ thinkingConfig: { thinkingBudget: 9, thinkingLevel: "low" } });
    expect(budget.template).toEqual({ enable_thinking: true });
    const at = "generationConfig.thinkingConfig";
    expect(budget.ignored).toEqual([`${at}.thinkingLevel`, `${at}.thinkingBudget`]);
  });

  it("is named and streamed by its path, at Vertex as well", () => {
    const vertex = "/v1/projects/p/locations/l/publishers/google/models/g-2:streamGenerateContent";
    expect(parse({}, vertex)).toMatchObject({ model: "g-2", stream: true, wire: { isSse: false } });
    expect(parse({}, `${vertex}?alt=sse`)).toMatchObject({ stream: true, wire: { isSse: true } });
    expect(parse({}).model).toBe("gemini-m");
  });

  const at = "generationConfig";
  const [declared, image] = [declare("add"), { inlineData: { mimeType: "image/png" } }];
  it.each<[string, object]>([
    ["contents.0.parts.0.inlineData", { contents: [user(image)] }],
    ["contents.0.parts.0.fileData", { contents: [user({ fileData: {} })] }],
    ["contents.0.parts.0", { contents: [user({})] }],
    ["contents.0.parts.0", { contents: [user(call("add"))] }],
    ["contents.0.parts.0.functionResponse", { contents: [user(result("add", {}))] }],
    ["contents.1.parts.0.functionResponse", { contents: [...kHi.contents, model(result("add", {}))] }],
    ["contents.0.role", { contents: [{ role: "assistant", parts: [] }] }],
    ["contents", { contents: [...kHi.contents, model({ text: "I" })] }],
    [
      "contents.1.parts.0",
      {
        contents: [...kHi.contents, model({ text: "I add.", functionCall: { name: "f" } }), ...kHi.contents],
      },
    ],
    ["tools.0.googleSearch", { tools: [{ googleSearch: {} }] }],
    ["tools.0.codeExecution", { tools: [{ codeExecution: {} }] }],
    ["tools.0.functionDeclarations.0.name", { tools: [{ functionDeclarations: [{}] }] }],
    [
      "tools.0.functionDeclarations.0.parameters.type",
      { tools: [{ functionDeclarations: [{ name: "f", parameters: { type: "DATE" } }] }] },
    ],
    ["toolConfig.functionCallingConfig.mode", { toolConfig: { functionCallingConfig: { mode: "ANY" } } }],
    [
      "toolConfig.functionCallingConfig.allowedFunctionNames",
      {
        tools: declared,
        toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["x"] } },
      },
    ],
    ["cachedContent", { cachedContent: "cachedContents/x" }],
    ["temperature", { temperature: 1 }],
    [`${at}.responseMimeType`, { generationConfig: { responseMimeType: "text/x.enum" } }],
    [`${at}.responseMimeType`, { generationConfig: { responseJsonSchema: {} } }],
    [`${at}.responseModalities`, { generationConfig: { responseModalities: ["IMAGE"] } }],
    [`${at}.frequencyPenalty`, { generationConfig: { frequencyPenalty: 1 } }],
    [`${at}.maxOutputToken`, { generationConfig: { maxOutputToken: 1 } }],
  ])("is refused by the name of %s", (field, body) => {
    expect(() => parse(body)).toThrow(expect.objectContaining({ status: 400, field }));
  });
});
