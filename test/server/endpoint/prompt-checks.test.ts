import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { scripted, tokenizer } from "./scripted-policy.js";

const tools = [
  { type: "function", function: { name: "add", parameters: { type: "object", properties: {} } } },
];
const user = (content: string, more: object = {}) => ({ role: "user", content, ...more });
const prompt = "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}";
const turns = (calls: string) =>
  "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') }}{%- for c in (m.tool_calls or []) %}" +
  `${calls}{%- endfor %}{{- '<|im_end|>\n' }}{%- endfor %}${prompt}`;
const told = "{%- if tools %}{{- tools | tojson }}{%- endif %}";
const hermes = turns("{{- '<tool_call>\n' + (c.function | tojson) + '\n</tool_call>' }}");

describe("tools", () => {
  const served: [what: string, template: string][] = [
    ["Hermes'", told + hermes],
    [
      "Hermes', arguments first",
      told +
        turns(
          "{{- '<tool_call>{\"arguments\": ' + (c.function.arguments | tojson) + ', \"name\": \"' + c.function.name + '\"}</tool_call>' }}",
        ),
    ],
    [
      "Hermes' in words alone",
      `${told}{{- 'Call by <tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call>' }}${turns("")}`,
    ],
    [
      "Hermes', of a template that wants a system message",
      `{%- if messages[0].role != 'system' %}{{- raise_exception('no system') }}{%- endif %}${told}${hermes}`,
    ],
    [
      "Hermes', after a thought",
      told +
        hermes.replace(
          "(m.content or '')",
          "('<think>\n\n</think>\n\n' if m.role == 'assistant' else '') + (m.content or '')",
        ),
    ],
    [
      "Llama 3's form",
      told +
        turns(
          `{{- '{"name": "' + c.function.name + '", "parameters": ' + (c.function.arguments | tojson) + '}' }}`,
        ),
    ],
    [
      "Mistral's form",
      `{%- if tools %}{{- '[AVAILABLE_TOOLS]' + (tools | tojson) }}{%- endif %}${turns("{{- '[TOOL_CALLS][' + (c.function | tojson) + ']' }}")}`,
    ],
    [
      "the XML form of Qwen3-Coder",
      told +
        turns(
          "{{- '<tool_call>\n<function=' + c.function.name + '>\n' }}{%- for k, v in c.function.arguments.items() %}{{- '<parameter=' + k + '>' + v + '</parameter>' }}{%- endfor %}{{- '</function>\n</tool_call>' }}",
        ),
    ],
  ];
  it.each(served)("are served where the template's calls are parsed: %s", async (_, template) => {
    const messages = [{ role: "system", content: "s" }, user("hi")];
    const { status, json } = await scripted(["a"], 2048, { template }).post({ model: "m", messages, tools });
    expect([status, json.error?.message]).toEqual([200, undefined]);
  });

  const refused: [form: string, template: string][] = [
    [
      "GLM's form",
      `{{- '<tool_call>{function-name}\n<arg_key>' }}${told}${turns("{{- '<tool_call>' + c.function.name }}{%- for k, v in c.function.arguments.items() %}{{- '<arg_key>' + k + '</arg_key><arg_value>' + v + '</arg_value>' }}{%- endfor %}{{- '</tool_call>' }}")}`,
    ],
    [
      "DeepSeek's form",
      told + turns("{{- '<｜tool▁calls▁begin｜>' + c.function.name + (c.function.arguments | tojson) }}"),
    ],
    ["a form of its own", told + turns("{{- 'CALL ' + c.function.name + (c.function.arguments | tojson) }}")],
    [
      'Hermes\' form, which is not parsed as "llama"',
      `{# "name": "parameters": #}${told}${hermes}`.replace("<tool_call>", "<tool_' + 'call>"),
    ],
    ["does not tell the model of tools", hermes],
  ];
  it.each(refused)("are refused by name where they are not: %s", async (form, template) => {
    const policy = scripted(["a"], 2048, { template });
    const { status, json } = await policy.post({ model: "m", messages: [user("hi")], tools });
    expect([status, json.error.param, json.error.code]).toEqual([400, "tools", "unsupported_parameter"]);
    expect(json.error.message).toContain(form);
    expect(json.error.message).toContain("chat_template.jinja");
    expect(policy.asked).toEqual([]);
    // Without tools, or with tools that may not be called, nothing is lost.
    expect((await policy.post({ model: "m", messages: [user("hi")] })).status).toBe(200);
    expect(
      (await policy.post({ model: "m", messages: [user("hi")], tools, tool_choice: "none" })).status,
    ).toBe(200);
  });
});

describe("names of messages", () => {
  const named =
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + (' ' + m.name if m.name is defined else '') + '\n' + m.content + '<|im_end|>\n' }}{%- endfor %}";
  const said = [user("hi", { name: "ann" }), { role: "assistant", content: "ho", name: "bot" }, user("more")];

  it("are served where the template writes them", async () => {
    const policy = scripted(["a"], 512, { template: named });
    expect((await policy.post({ model: "m", messages: said })).status).toBe(200);
    expect(tokenizer.decode(policy.asked[0]?.prompt as Int32Array)).toMatch(/user ann\n.*assistant bot\n/s);
    expect(policy.calls[0]?.request.ignored).toEqual([]);
  });

  it.each(["user", "system", "developer"])("of a %s are refused where it does not", async (role) => {
    const { status, json } = await scripted(["a"]).post({ model: "m", messages: [{ ...said[0], role }] });
    expect([status, json.error.param]).toEqual([400, "messages.0.name"]);
    expect(json.error.message).toContain("in the content");
  });

  it("of an assistant are then ignored and said to be; those of tools say nothing new", async () => {
    const policy = scripted(["a"]);
    const result = { role: "tool", tool_call_id: "x", name: "add", content: "3" };
    await policy.post({ model: "m", messages: [user("hi"), said[1], result, user("more")] });
    expect(policy.calls[0]?.request.ignored).toEqual(["messages[].name"]);
  });
});

describe("variables of the template", () => {
  const thinking =
    "{%- for m in messages %}{{- m.content }}{%- endfor %}{%- if enable_thinking is defined and not enable_thinking %}{{- 'no thought' }}{%- endif %}";

  it("are named where no template speaks of them, and reach those that do", async () => {
    const policy = scripted(["a"], 512, { template: thinking });
    for (const variables of [
      { enable_thinking: false },
      { enable_thinkin: false, thinking: false },
      { enable_thinking: true },
    ])
      await policy.post({ model: "m", messages: [user("hi")], chat_template_kwargs: variables });
    expect(policy.calls.map(({ request }) => request.ignored)).toEqual([
      [],
      ["chat_template_kwargs.enable_thinkin", "chat_template_kwargs.thinking"],
      [],
    ]);
    expect(policy.calls.map(({ prompt }) => prompt.text.includes("no thought"))).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("fields that nothing knows", () => {
  it("are warned of once by name, over all rollouts that share the set", async () => {
    const warnedFields = new Set<string>();
    const warned: Error[] = [];
    const listen = (warning: Error) => warned.push(warning);
    process.on("warning", listen);
    const body = { model: "m", messages: [user("hi")] };
    for (const more of [{ wobble: 1 }, { wobble: 2 }, { wobble: 3, zest: 1 }])
      expect((await scripted(["a"], 512, { warnedFields }).post({ ...body, ...more })).status).toBe(200);
    process.emitWarning("the last");
    while (!warned.some(({ message }) => message === "the last")) await once(process, "warning");
    process.off("warning", listen);
    const ours = warned.filter(
      (warning) =>
        (warning as { code?: string }).code === "AGL_IGNORED_FIELD" && /wobble|zest/.test(warning.message),
    );
    expect(ours.map(({ message }) => /carry ([^,]*),/.exec(message)?.[1])).toEqual(["wobble", "zest"]);
  });
});
