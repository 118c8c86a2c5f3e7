// Structured output: the form that a client asks for, in its own dialect, is what the sample is held to, or is refused in the client's shape.
import { describe, expect, it } from "vitest";
import type { Grammar } from "../../../src/grammar/grammar.js";
import type { Policy } from "../../../src/policy/policy.js";
import { toCallSpan } from "../../../src/server/endpoint/call-span.js";
import { answerConstraint } from "../../../src/server/endpoint/constraint.js";
import type { DialectFields } from "../../../src/server/endpoint/dialect.js";
import type { SplicedPrompt } from "../../../src/server/endpoint/id-splicing.js";
import type { CallRequest } from "../../../src/types/call-request.js";
import { codePoints, createReferenceMatcher, type Item } from "../../grammar/reference-matcher.js";
import { type ScriptedOptions, scripted, toGrammar, tokenizer } from "./scripted-policy.js";

type Given = Parameters<Policy["constrain"]>[0];

const city = {
  type: "object",
  properties: { city: { type: "string" }, size: { enum: ["small", "large"] } },
  required: ["city", "size"],
  additionalProperties: false,
};
const bad = {
  type: "object",
  properties: { user: { type: "object", properties: { name: { not: { const: "x" } } } } },
};

interface Client {
  readonly path: string;
  body(schema: unknown): Record<string, unknown>;
  readonly field: string;
  /** Any object of JSON, where the dialect can ask for it. */
  readonly json?: Record<string, unknown>;
}

const clients: Readonly<Record<string, Client>> = {
  "chat completions": {
    path: "/v1/chat/completions",
    body: (schema) => ({
      ...{ model: "m", messages: [{ role: "user", content: "hi" }] },
      response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema } },
    }),
    field: "response_format",
    json: {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      response_format: { type: "json_object" },
    },
  },
  responses: {
    path: "/v1/responses",
    body: (schema) => ({
      model: "m",
      input: "hi",
      text: { format: { type: "json_schema", name: "x", schema } },
    }),
    field: "text.format",
    json: { model: "m", input: "hi", text: { format: { type: "json_object" } } },
  },
  anthropic: {
    path: "/v1/messages",
    body: (schema) => ({
      ...{ model: "m", max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
      output_config: { format: { type: "json_schema", schema } },
    }),
    field: "output_config.format",
  },
  "anthropic, as it was called before": {
    path: "/v1/messages",
    body: (schema) => ({
      ...{ model: "m", max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
      output_format: { type: "json_schema", schema },
    }),
    field: "output_format",
  },
  google: {
    path: "/v1beta/models/m:generateContent",
    body: (schema) => ({
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      generationConfig: { responseMimeType: "application/json", responseJsonSchema: schema },
    }),
    field: "generationConfig.responseJsonSchema",
    json: {
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      generationConfig: { responseMimeType: "application/json" },
    },
  },
};

/** The texts that the grammar accepts, tags being tokens where the vocabulary has them. */
const accepts = (grammar: Grammar | undefined, ...texts: string[]) => {
  const matcher = createReferenceMatcher(grammar!);
  return texts.filter((text) => matcher.accepts(text) || matcher.accepts(withTags(text)));
};
const withTags = (text: string) =>
  text.split(/(<\/?tool_call>)/).flatMap((part): readonly Item[] => {
    const token = part.includes("tool_call") ? tokenizer.idOf(part) : undefined;
    return token === undefined ? codePoints(part) : [{ token }];
  });
const good = '{"city": "Ulm", "size": "small"}';

describe.each(Object.entries(clients))("structured output by %s", (_, client) => {
  it("holds the sample to the schema, and the answer is what was said", async () => {
    const policy = scripted([good], 1024);
    const { status, json } = await policy.post(client.body(city), client.path);
    expect(status).toBe(200);
    expect(JSON.stringify(json)).toContain(JSON.stringify(good).slice(1, -1));
    expect(policy.asked[0]?.constraint).toBeDefined();
    expect(accepts(policy.grammars[0], good, "{}", '{"city": "Ulm"}', "hello")).toEqual([good]);
  });

  it("refuses a schema that cannot be enforced in the client's shape, naming field, keyword and path", async () => {
    const policy = scripted([good], 1024);
    const { status, json } = await policy.post(client.body(bad), client.path);
    expect(status).toBe(400);
    expect(json.error.message).toContain(
      `${client.field}: expected a schema without "not", got it at properties.user.properties.name.not; `,
    );
    expect(policy.asked).toEqual([]);
  });

  it("serves a good schema after a hundred bad ones", async () => {
    const policy = scripted([good], 1024);
    for (let count = 0; count < 100; count++) {
      const { status } = await policy.post(client.body({ ...bad, maxProperties: count }), client.path);
      expect(status).toBe(400);
    }
    expect((await policy.post(client.body(city), client.path)).status).toBe(200);
  });

  it.skipIf(client.json === undefined)("any object of JSON is asked for without a schema", async () => {
    const policy = scripted(["{}"], 1024);
    expect((await policy.post(client.json!, client.path)).status).toBe(200);
    expect(accepts(policy.grammars[0], "{}", '{"a": [1]}', "[]", "1")).toEqual(["{}", '{"a": [1]}']);
  });
});

describe("what a constrained sample is recorded as", () => {
  it("names the forced tokens and the mass of the others in the call's span, and a plain one nothing", async () => {
    const policy = scripted([good, "hi"], 1024);
    await policy.post(clients["chat completions"]!.body(city));
    await policy.post({ model: "m", messages: [{ role: "user", content: "hi" }] });
    const [constrained, plain] = policy.calls.map((call) => toCallSpan(call, tokenizer).attributes);
    expect(constrained).toMatchObject({
      "agentlightning.forced": [0],
      "agentlightning.constraint.choices": tokenizer.encode(good).length,
      "agentlightning.constraint.mass": 0.5,
    });
    expect(Object.keys(plain!).filter((name) => /forced|constraint/.test(name))).toEqual([]);
    expect(policy.asked[1]).not.toHaveProperty("constraint");
  });
});

describe("a thought before a constrained answer", () => {
  const ask = async (more: ScriptedOptions, said: string) => {
    const policy = scripted([said], 1024, more);
    expect((await policy.post(clients["chat completions"]!.body(city))).status).toBe(200);
    return policy;
  };

  it("is free where the prompt begins it: the constraint comes after its end", async () => {
    const template =
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}";
    const policy = await ask({ template }, `so</think>\n\n${good}`);
    expect(policy.asked[0]?.constraintAfter).toBe("</think>");
    expect(accepts(policy.grammars[0], good, `\n\n${good}`, `so</think>${good}`)).toEqual([
      good,
      `\n\n${good}`,
    ]);
  });

  const held = async (ids: Readonly<Record<string, number>>, text: string) => {
    const forms: Given[] = [];
    const policy = {
      constrain: async (form: Given) => ({ bytes: forms.push(form) }),
      tokenizer: { ...tokenizer, idOf: (written: string) => ids[written] },
      toolCalls: null,
    };
    const prompt = { text, inThought: false } as SplicedPrompt;
    const request = {
      ...{ output: { kind: "schema", name: "x", schema: city }, tools: [], toolChoice: "auto" },
      parallelToolCalls: true,
    } as unknown as CallRequest;
    const given = await answerConstraint(policy, request, prompt, { output: "f" } as DialectFields);
    expect(given).not.toHaveProperty("constraintAfter");
    return createReferenceMatcher(toGrammar(forms[0]!));
  };
  const tags = { "<think>": 8, "</think>": 9 };
  const thought = [{ token: 8 }, ...codePoints("\nso { it } is"), { token: 9 }, ...codePoints(`\n\n${good}`)];

  it("may come first where the vocabulary has a token for its end, and the prompt has not ended one", async () => {
    const thinking = await held(tags, "user: hi");
    expect([good, thought, thought.slice(0, 9), `<think>so</think>${good}`].map(thinking.accepts)).toEqual([
      ...[true, true, false, false],
    ]);
    const emptied = await held(tags, "user: hi <think>\n\n</think>\n\n");
    expect([good, thought].map(emptied.accepts)).toEqual([true, false]);
    const plain = await held({}, "user: hi");
    expect([good, thought].map(plain.accepts)).toEqual([true, false]);
  });
});

describe("calls that are demanded", () => {
  const parameters = {
    ...{ type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
    additionalProperties: false,
  };
  const tools = ["add", "sub"].map((name) => ({ type: "function", function: { name, parameters } }));
  const call = (name: string) => `<tool_call>\n{"name": "${name}", "arguments": {"a": 1}}\n</tool_call>`;
  const body = { model: "m", messages: [{ role: "user", content: "hi" }], tools };
  const texts = ["hi", call("add"), call("sub"), `${call("add")}\n${call("sub")}`, call("mul"), good];
  /** Which of the texts the sample was held to. */
  const ask = async (more: Record<string, unknown>) => {
    const policy = scripted([call("add")], 1024);
    const { status, json } = await policy.post({ ...body, ...more });
    expect([status, json.choices?.[0].finish_reason]).toEqual([200, "tool_calls"]);
    return policy.grammars.map((grammar) => accepts(grammar, ...texts).map((text) => texts.indexOf(text)))[0];
  };
  const named = (name: string) => ({ type: "function", function: { name } });

  it("hold the answer to calls: of any tool, of the one that is named, of a single one", async () => {
    expect(await ask({ tool_choice: "required" })).toEqual([1, 2, 3]);
    expect(await ask({ tool_choice: named("sub") })).toEqual([2]);
    expect(await ask({ tool_choice: "required", parallel_tool_calls: false })).toEqual([1, 2]);
    expect(await ask({ tool_choice: "auto" })).toBeUndefined();
  });

  it("of strict tools alone bind an answer that may be text", async () => {
    const [add, sub] = tools;
    const strict = { ...add, function: { ...add!.function, strict: true } };
    expect(await ask({ tools: [strict, sub] })).toEqual([0, 1, 2, 3, 5]);
  });

  it("stand beside a form that is demanded of answers without calls", async () => {
    const { response_format } = clients["chat completions"]!.body(city);
    expect(await ask({ response_format })).toEqual([1, 2, 3, 5]);
    expect(await ask({ response_format, tool_choice: "required" })).toEqual([1, 2, 3]);
  });

  it("are refused by name where the tool is not offered, or is strict and cannot be enforced", async () => {
    const policy = scripted([], 1024);
    const refused = async (more: Record<string, unknown>) =>
      (await policy.post({ ...body, ...more })).json.error;
    const unknown = expect.stringContaining('("add", "sub"), got "mul"');
    expect(await refused({ tool_choice: named("mul") })).toMatchObject({
      param: "tool_choice",
      message: unknown,
    });
    expect(await refused({ tools: [], tool_choice: "required" })).toMatchObject({ param: "tool_choice" });
    const strict = { type: "function", function: { name: "add", strict: true, parameters: bad } };
    const message = expect.stringContaining(
      'tools: add.parameters: expected a schema without "not", got it at properties.user',
    );
    expect(await refused({ tools: [strict] })).toMatchObject({ param: "tools", message });
  });
});
