import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadChatTemplate, type RenderChatOptions, renderChat } from "../../src/policy/chat-template.js";
import { loadTokenizer } from "../../src/policy/tokenizer.js";
import type { ChatMessage, ToolDefinition } from "../../src/types/chat.js";
import { expectedText, modelDir, modelNames, qwen2, temporaryFolder, thrownBy } from "./fixture-models.js";

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
    expect(named("default").render([user], { tools: [tool] })).toBe("default");
  });

  it("sees the special tokens, however tokenizer_config.json spells them", () => {
    const dir = temporaryFolder({
      "chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}",
      "tokenizer_config.json": { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: null },
    });
    expect(loadChatTemplate(dir).render([user])).toBe("<s></s>False");
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

  it("that is not Jinja, or asks for what does not exist, is refused by file", () => {
    const broken = temporaryFolder({ "chat_template.jinja": "{% if %}" });
    const error = thrownBy(() => loadChatTemplate(broken));
    expect(error).toMatchObject({ code: "E_MODEL" });
    expect(error.message).toContain(join(broken, "chat_template.jinja"));
    expect(thrownBy(() => render("{{ messages | no_such_filter }}"))).toMatchObject({ code: "E_MODEL" });
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

  it("may be parts of text, joined by line breaks", () => {
    const parts = [
      { type: "text" as const, text: "a" },
      { type: "text" as const, text: "b" },
    ];
    expect(render("{{ messages[0].content }}", [{ role: "user", content: parts }])).toBe("a\nb");
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
