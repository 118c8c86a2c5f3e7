import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  loadChatTemplate,
  type RenderChatOptions,
  renderChat,
} from "../../../src/policy/chat/chat-template.js";
import { loadTokenizer } from "../../../src/policy/tokenizer/tokenizer.js";
import type { ChatMessage, ToolDefinition } from "../../../src/types/chat.js";
import { expectedText, modelDir, modelNames, qwen2, temporaryFolder, thrownBy } from "../fixture-models.js";

const user: ChatMessage = { role: "user", content: "hi" };
const tool: ToolDefinition = { type: "function", function: { name: "add" } };

function callWith(args: string | Record<string, unknown>, content: string | null = null): ChatMessage {
  const call = { id: "call_0", type: "function" as const, function: { name: "add", arguments: args } };
  return { role: "assistant", content, tool_calls: [call] };
}

function render(
  source: string,
  messages: readonly ChatMessage[] = [user],
  options?: RenderChatOptions,
): string {
  return loadChatTemplate(temporaryFolder({ "chat_template.jinja": source })).render(messages, options);
}

describe("the reference conversations", () => {
  for (const name of modelNames) {
    it(`of ${name} render letter by letter`, ({ skip }) => {
      const dir = modelDir(name) ?? skip(`the reference model ${name} is not in this checkout`);
      const template = loadChatTemplate(dir);
      const { chat } = expectedText(dir);
      expect(chat.length).toBeGreaterThan(0);
      for (const { messages, tools, text } of chat) {
        expect(template.render(messages, tools === null ? {} : { tools })).toBe(text);
      }
    });
  }

  it("render to the same text from OpenAI's form, whose arguments are JSON text", () => {
    const { messages, tools, text } = expectedText(qwen2).chat[1]!;
    const inOpenAiForm = JSON.parse(JSON.stringify(messages), (key, value) =>
      key === "arguments" ? JSON.stringify(value) : value,
    );
    expect(loadChatTemplate(qwen2).render(inOpenAiForm, { tools: tools! })).toBe(text);
  });

  it("become ids in which special tokens are one each, and nothing is added", () => {
    const tokenizer = loadTokenizer(qwen2);
    const { text, ids } = renderChat(loadChatTemplate(qwen2), tokenizer, [user]);
    expect(text).toBe("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    expect(ids).toEqual(tokenizer.encode(text));
    expect([...ids].filter((id) => tokenizer.specialIds.has(id)).length).toBe(3);
  });
});

describe("a template", () => {
  it("is chat_template.jinja before tokenizer_config.json", () => {
    const config = { chat_template: "from the config" };
    const both = temporaryFolder({ "chat_template.jinja": "from the file", "tokenizer_config.json": config });
    const one = temporaryFolder({ "tokenizer_config.json": config });
    expect([both, one].map((dir) => loadChatTemplate(dir).render([user]))).toEqual([
      "from the file",
      "from the config",
    ]);
  });

  it("is the one named tool_use when there are tools, the default one otherwise", () => {
    const named = (...names: string[]) => {
      const chat_template = names.map((name) => ({ name, template: name }));
      return loadChatTemplate(temporaryFolder({ "tokenizer_config.json": { chat_template } }));
    };
    const two = named("default", "tool_use");
    expect(two.render([user])).toBe("default");
    expect(two.render([user], { tools: [] })).toBe("default");
    expect(two.render([user], { tools: [tool] })).toBe("tool_use");
    const byName = { chat_template: { default: "D", tool_use: "T" } };
    const record = loadChatTemplate(temporaryFolder({ "tokenizer_config.json": byName }));
    expect([record.render([user]), record.render([user], { tools: [tool] })]).toEqual(["D", "T"]);
    expect(named("default").render([user], { tools: [tool] })).toBe("default");
  });

  it("may lie beside the others by name, and is then one of them", () => {
    const dir = temporaryFolder({
      "chat_template.jinja": "plain",
      "tokenizer_config.json": { chat_template: "config" },
    });
    mkdirSync(join(dir, "additional_chat_templates"));
    writeFileSync(join(dir, "additional_chat_templates", "tool_use.jinja"), "{{ tools | length }} tools");
    writeFileSync(join(dir, "additional_chat_templates", "rag.jinja"), "{% not read %}");
    const template = loadChatTemplate(dir);
    expect(template.render([user])).toBe("plain");
    expect(template.render([user], { tools: [tool] })).toBe("1 tools");
  });

  it("that is none of those without a name is missed by the names that there are", () => {
    const dir = temporaryFolder({});
    mkdirSync(join(dir, "additional_chat_templates"));
    writeFileSync(join(dir, "additional_chat_templates", "rag.jinja"), "");
    const error = thrownBy(() => loadChatTemplate(dir).render([user]));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toContain('named "default", got');
    expect(error.message).toContain('with "rag" alone');
  });

  it.each([
    [
      "tokenizer_config.json",
      { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: null },
      undefined,
      "<s></s>False",
    ],
    [
      "special_tokens_map.json",
      undefined,
      { bos_token: "<s>", eos_token: { content: "</s>" } },
      "<s></s>False",
    ],
    [
      "the map before the config",
      { bos_token: "a", eos_token: "</s>" },
      { bos_token: "<s>" },
      "<s></s>False",
    ],
    [
      "a config that names its tokens before the map",
      { bos_token: "<s>", added_tokens_decoder: {} },
      { bos_token: "a", eos_token: "</s>" },
      "<s></s>False",
    ],
    [
      "extra tokens by name",
      { extra_special_tokens: { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: "p" } },
      undefined,
      "<s></s>True",
    ],
  ])("sees the special tokens of %s", (_what, config, map, expected) => {
    const dir = temporaryFolder({
      "chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}",
      ...(config === undefined ? {} : { "tokenizer_config.json": config }),
      ...(map === undefined ? {} : { "special_tokens_map.json": map }),
    });
    expect(loadChatTemplate(dir).render([user])).toBe(expected);
  });

  it("sees the caller's variables, no tools as none, and a wish for the answer's beginning", () => {
    const source = "{{ thinking }} {{ tools is none }} {{ add_generation_prompt }}";
    expect(render(source, [user], { thinking: false })).toBe("False True True");
    expect(render(source, [user], { tools: [tool], addGenerationPrompt: false })).toBe(" False False");
  });

  it("that is absent lets the model load, and names the remedy when rendering", () => {
    const template = loadChatTemplate(temporaryFolder({}));
    const error = thrownBy(() => template.render([user]));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toMatch(
      /chat_template\.jinja.*tokenizer_config\.json; load an instruction-tuned model/,
    );
  });

  it.each([
    ["is not Jinja", { "chat_template.jinja": "{% if %}" }, "chat_template.jinja"],
    ["has a tag without end", { "chat_template.jinja": "{{ messages" }, "chat_template.jinja"],
    ["is of another kind", { "tokenizer_config.json": { chat_template: 7 } }, "tokenizer_config.json"],
    [
      "has no name",
      { "tokenizer_config.json": { chat_template: [{ template: "a" }] } },
      "tokenizer_config.json",
    ],
    [
      "is not Jinja in the config",
      { "tokenizer_config.json": { chat_template: "{% fi %}" } },
      "tokenizer_config.json",
    ],
  ])("that %s lets the model load, and is refused by file when rendering", (_what, files, file) => {
    const dir = temporaryFolder(files);
    const template = loadChatTemplate(dir);
    const error = thrownBy(() => template.render([user]));
    expect(error).toMatchObject({ code: "E_MODEL" });
    expect(error.message).toContain(join(dir, file));
  });

  it("that asks for what does not exist is refused by its name", () => {
    const error = thrownBy(() => render("{{ messages | no_such_filter }}"));
    expect(error).toMatchObject({ code: "E_MODEL" });
    expect(error.message).toContain("no_such_filter");
  });

  it("that raises an exception has its message in the error", () => {
    const error = thrownBy(() => render("{{ raise_exception('roles must alternate') }}"));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toContain("roles must alternate");
  });
});

describe("tool calls in a conversation", () => {
  const source =
    "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% endfor %}";

  it("print JSON text as Python prints it once read: spacing, numbers, order", () => {
    expect(render(source, [callWith('{"2":1.0,"1":[1,2.50]}')])).toBe(
      '{"name": "add", "arguments": {"2": 1.0, "1": [1, 2.5]}}',
    );
    expect(render(source, [callWith({ a: 1 })])).toBe('{"name": "add", "arguments": {"a": 1}}');
  });

  it("have no arguments where there is no text", () => {
    expect(render(source, [callWith("")])).toBe('{"name": "add", "arguments": {}}');
  });

  it.each([
    ["{{ 'f ' + c.function.arguments }}", 'f {"a":  1.0}'],
    ["{{ c.function.arguments + '!' }}", '{"a":  1.0}!'],
    ["{{ 'f' ~ c.function.arguments }}", 'f{"a":  1.0}'],
    ["{{ c.function.arguments }}", '{"a":  1.0}'],
    ["{{ c.function.arguments | string | trim }}", '{"a":  1.0}'],
    ["{{ [c.function.arguments, 'x'] | join(' ') }}", '{"a":  1.0} x'],
    ["{{ '%s' % c.function.arguments }}", '{"a":  1.0}'],
    ["{{ c.function.arguments | tojson }}", '{"a": 1.0}'],
    ["{{ c.function.arguments is mapping }}{{ c.function.arguments is string }}", "TrueFalse"],
    ["{% for k, v in c.function.arguments | items %}{{ k }}={{ v }}{% endfor %}", "a=1.0"],
  ])("print their own text when they are joined to text, and are mappings else: %s", (printed, expected) => {
    const source = `{% for m in messages %}{% for c in m.tool_calls %}${printed}{% endfor %}{% endfor %}`;
    expect(render(source, [callWith(' {"a":  1.0}'.trimStart())])).toBe(expected);
  });

  it("that were given as an object are JSON text where they are joined", () => {
    const source = "{{ 'f ' + messages[0].tool_calls[0].function.arguments }}";
    expect(render(source, [callWith({ a: 1, b: ["x"] })])).toBe('f {"a": 1, "b": ["x"]}');
  });

  it("have arguments that a template can compute with", () => {
    const sum = "{{ messages[0].tool_calls[0].function.arguments.a + 1 }}";
    expect(render(sum, [callWith('{"a": 1.5}')])).toBe("2.5");
  });

  it("are refused by place when their arguments are no object or their name is no text", () => {
    for (const args of ["{", "[1]", "7", "null", [1], 7]) {
      const error = thrownBy(() => render(source, [user, callWith(args as never)]));
      expect(error).toMatchObject({ code: "E_ARGUMENT" });
      expect(error.message).toContain("messages[1].tool_calls[0].function.arguments");
    }
    const nameless = { role: "assistant", tool_calls: [{ function: { arguments: "{}" } }] };
    expect(thrownBy(() => render(source, [nameless as never])).message).toContain(
      "tool_calls[0].function.name",
    );
  });

  it("are absent where the list is empty", () => {
    const message = { role: "assistant", content: "a", tool_calls: [] };
    expect(render("{{ messages[0].tool_calls is defined }}", [message])).toBe("False");
  });
});

describe("a message's content", () => {
  it("is empty text for null beside tool calls, or null for a template that tests for it", () => {
    expect(render("[{{ messages[0].content + '' }}]", [callWith("{}")])).toBe("[]");
    expect(render("{{ messages[0].content is none }}", [callWith("{}")])).toBe("True");
    expect(render("{{ messages[0]['content'] is not none }}", [callWith("{}")])).toBe("False");
    expect(
      render("{{ messages[0].reasoning_content is none }}{{ messages[0].content is string }}", [
        callWith("{}"),
      ]),
    ).toBe("FalseTrue");
  });

  const parts = [
    { type: "text" as const, text: "a" },
    { type: "text" as const, text: "b" },
  ];

  it.each([
    ["{{ messages[0].content }}", "a\nb"],
    ["{{ messages[0]['content'] | trim }}", "a\nb"],
    ["{% for p in messages[0].content %}{{ p.text }}{% endfor %}", "ab"],
    ["{% for p in messages[0]['content'] %}[{{ p['text'] }}]{% endfor %}", "[a][b]"],
    [
      "{% set c = messages[0].content %}{% if c is string %}{{ c }}{% else %}{% for p in c %}{{ p.text }}-{% endfor %}{% endif %}",
      "a-b-",
    ],
    [
      "{% macro say(content) %}{% for p in content %}{{ p.text }},{% endfor %}{% endmacro %}{{ say(messages[0].content) }}",
      "a,b,",
    ],
    ["{% for p in messages[0].get('content') if p.type == 'text' %}{{ p.text }}{% endfor %}", "ab"],
    // It takes the first part alone: so its other way is taken.
    [
      "{% set c = messages[0].content %}{{ c if c is string else c[0].text }}{% for p in c if c is not string %}{% endfor %}",
      "a\nb",
    ],
  ])(
    "in parts is joined as the template does it, by line breaks where it takes text: %s",
    (source, expected) => {
      expect(render(source, [{ role: "user", content: parts }])).toBe(expected);
    },
  );

  it("that is text becomes a part for a template that takes parts alone", () => {
    const source = "{% for p in messages[0].content %}{{ p.text }}{% endfor %}";
    expect(render(source, [user])).toBe("hi");
  });

  it("is refused by place when it is something else", () => {
    const wrong: [message: unknown, place: string][] = [
      [{ role: "user", content: null }, "messages[1].content"],
      [{ role: "user" }, "messages[1].content"],
      [{ role: "assistant", content: null }, "messages[1].content"],
      [{ role: "assistant", content: null, tool_calls: [] }, "messages[1].content"],
      [{ role: "tool", content: { a: 1 } }, "messages[1].content"],
      [{ role: "user", content: [{ type: "image_url", image_url: {} }] }, "messages[1].content[0]"],
      [{ role: "user", content: [null] }, "messages[1].content[0]"],
      [{ content: "a" }, "messages[1].role"],
      [null, "messages[1]"],
    ];
    for (const [message, place] of wrong) {
      const error = thrownBy(() => render("", [user, message as ChatMessage]));
      expect(error).toMatchObject({ code: "E_ARGUMENT" });
      expect(error.message).toContain(`${place} to be`);
    }
    for (const messages of [[], undefined]) {
      expect(thrownBy(() => render("", messages ?? ("no list" as never)))).toMatchObject({
        code: "E_ARGUMENT",
      });
    }
  });

  it("and what else a message holds reaches the template, and nothing of it is changed", () => {
    const messages = [{ ...callWith('{"a":1}'), reasoning_content: "why" }];
    const before = structuredClone(messages);
    expect(render("{{ messages[0].reasoning_content }} {{ messages[0].tool_calls[0].id }}", messages)).toBe(
      "why call_0",
    );
    expect(messages).toEqual(before);
  });
});
