import { describe, expect, it } from "vitest";
import { type ScriptedOptions, scripted, tokenizer } from "./scripted-policy.js";

const tools = [
  { type: "function", function: { name: "add", parameters: { type: "object", properties: {} } } },
];
const user = (content: string) => ({ role: "user", content });
const call = '<tool_call>\n{"name": "add", "arguments": {"a":1,  "b":2}}\n</tool_call>';

describe("id splicing", () => {
  const turn = { role: "tool", tool_call_id: "x", content: "3" };

  it("continues with the sampled ids as they were, though the client's JSON spacing differs from the template's", async () => {
    const policy = scripted([call, "three"]);
    const first = await policy.post({ model: "m", messages: [user("1+2")], tools });
    const message = first.json.choices[0].message;
    await policy.post({ model: "m", messages: [user("1+2"), message, turn], tools });
    const [one, two] = policy.calls;
    expect(two?.prompt.prefix).toBe("extends");
    const earlier = [...(one?.prompt.ids ?? []), ...(one?.choice.sampled.tokens ?? [])];
    expect([...(two?.prompt.ids ?? [])].slice(0, earlier.length)).toEqual(earlier);
    expect(tokenizer.decode([...(two?.prompt.ids ?? [])].slice(earlier.length))).toBe(
      "\n<|im_start|>user\n<tool_response>\n3\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
    );
  });

  it("adds the end of the turn after an answer that was cut short", async () => {
    const policy = scripted([{ cut: "one two" }, "three"]);
    const first = await policy.post({ model: "m", messages: [user("count")] });
    await policy.post({
      model: "m",
      messages: [user("count"), first.json.choices[0].message, user("go on")],
    });
    const [one, two] = policy.calls;
    const length = (one?.prompt.ids.length ?? 0) + (one?.choice.sampled.tokens.length ?? 0);
    expect(two?.prompt.prefix).toBe("extends");
    expect(tokenizer.decode([...(two?.prompt.ids ?? [])].slice(length))).toMatch(
      /^<\|im_end\|>\n<\|im_start\|>user\ngo on/,
    );
  });

  it("starts anew when the client changed what was said, or the tools", async () => {
    const policy = scripted([call, "a", "b"]);
    const first = await policy.post({ model: "m", messages: [user("1+2")], tools });
    const message = first.json.choices[0].message;
    await policy.post({ model: "m", messages: [user("1+3"), message, turn], tools });
    await policy.post({
      model: "m",
      messages: [user("1+2"), { role: "assistant", content: "no" }, turn],
      tools,
    });
    expect(policy.calls.map((made) => made.prompt.prefix)).toEqual(["start", "start", "start"]);
  });

  it("gives a repeated prompt another seed, and the same order the same seeds", async () => {
    const seeds = async () => {
      const policy = scripted(["a", "a", "a"]);
      for (const content of ["x", "x", "y"]) await policy.post({ model: "m", messages: [user(content)] });
      return policy.asked.map((asked) => asked.seed);
    };
    const [first, second, third] = await seeds();
    expect(first).not.toBe(second);
    expect(third).toBe(first); // the sampler adds the prompt's hash
    expect(await seeds()).toEqual([first, second, third]);
  });
});

/** Turns as ChatML writes them; `assistant` writes the content of an assistant's message `m`. */
const chatMl = (assistant: string, prompt = "") =>
  "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}" +
  `{%- if m.role == 'assistant' %}${assistant}{%- else %}{{- m.content }}{%- endif %}` +
  "{%- for c in (m.tool_calls or []) %}{{- '<tool_call>\n' + (c.function | tojson) + '\n</tool_call>' }}{%- endfor %}" +
  "{{- '<|im_end|>\n' }}{%- endfor %}" +
  `{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n${prompt}' }}{%- endif %}`;

/** As Qwen3: thoughts of the past are dropped, the last message has one, be it empty. */
const qwen3 = chatMl(
  "{%- set answer = m.content.split('</think>')[-1].lstrip('\n') %}{%- if loop.last %}{{- '<think>\n' + " +
    "(m.content.split('</think>')[0].split('<think>')[-1].strip('\n') if '</think>' in m.content else '') + '\n</think>\n\n' }}{%- endif %}{{- answer }}",
);
const glm =
  "{%- for m in messages %}{{- '<|' + m.role + '|>' }}{%- if m.role == 'assistant' %}{{- '\n<think></think>' if loop.last }}{{- '\n' + m.content.strip() }}" +
  "{%- else %}{{- '\n' + m.content }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";

/** Two turns: what was answered, what came after the sampled ids, and how the second prompt goes on. */
async function twoTurns(
  said: Parameters<typeof scripted>[0][number],
  options: ScriptedOptions,
  body: Record<string, unknown> = {},
  change: (message: Record<string, unknown>) => Record<string, unknown> = (message) => message,
) {
  const policy = scripted([said, "done"], 512, options);
  const first = await policy.post({ model: "m", messages: [user("hi")], ...body });
  expect(first.json.error).toBeUndefined();
  const { message } = first.json.choices[0];
  const next = message.tool_calls ? { role: "tool", tool_call_id: "x", content: "3" } : user("more");
  const second = await policy.post({ model: "m", messages: [user("hi"), change(message), next], ...body });
  expect(second.json.error).toBeUndefined();
  const [one, two] = policy.calls;
  const earlier = [...(one?.prompt.ids ?? []), ...(one?.choice.sampled.tokens ?? [])];
  const ids = [...(two?.prompt.ids ?? [])];
  const isKept = earlier.every((id, i) => ids[i] === id);
  return {
    prefix: two?.prompt.prefix,
    isKept,
    after: tokenizer.decode(ids.slice(earlier.length)),
    message,
    two,
  };
}

const kNext = "\n<|im_start|>user\nmore<|im_end|>\n<|im_start|>assistant\n";

/** "answer", in other tokens than the encoder's. */
const letters = Array.from("answer").flatMap((letter) => [...tokenizer.encode(letter)]);

describe("sampled ids stay", () => {
  it("is told by ids that the encoder would not make", () => {
    expect(letters.length).toBeGreaterThan(tokenizer.encode("answer").length);
  });

  const stay: [
    what: string,
    said: Parameters<typeof scripted>[0][number],
    options: ScriptedOptions,
    after: string,
  ][] = [
    ["under a template that gives the last answer an empty thought", "hello", { template: qwen3 }, kNext],
    ["so where the answer was cut short", { cut: "hello" }, { template: qwen3 }, `<|im_end|>${kNext}`],
    ["so where other ids say the same text", { ids: [...letters, 357] }, { template: qwen3 }, kNext],
    [
      "under a template that ends no turn and marks the last answer",
      "\nhello",
      { template: glm },
      "<|user|>\nmore<|assistant|>",
    ],
    ["under a template that trims", " hello \n", { template: chatMl("{{- m.content | trim }}") }, kNext],
    [
      "under a template that trims, and treats the last answer otherwise",
      "\n hello \n",
      { template: chatMl("{{- '<think></think>' if loop.last }}{{- m.content | trim }}") },
      kNext,
    ],
    [
      "under a template that writes something after the last message",
      "hello",
      {
        template: `${chatMl("{{- m.content }}")}{%- if not add_generation_prompt %}{{- '<|im_start|>the end' }}{%- endif %}`,
      },
      kNext,
    ],
    [
      "under a template that always drops thoughts, even the last answer's",
      "<think>\nfoo\n</think>\n\nhello",
      { template: chatMl("{{- m.content.split('</think>')[-1].strip() }}") },
      kNext,
    ],
    [
      "under a template that sets thoughts apart by lines of its own",
      "<think>foo</think>hello",
      {
        template: chatMl(
          "{{- '<think>\n' + m.content.split('</think>')[0].split('<think>')[-1].strip() + '\n</think>\n\n' + m.content.split('</think>')[-1] }}",
        ),
      },
      kNext,
    ],
    [
      "where the prompt began the thought",
      "foo</think>hello",
      { template: chatMl("{{- '<think>\n' + m.content.strip() }}", "<think>\\n") },
      `${kNext}<think>
`,
    ],
    [
      "where another token ends the answer than the template's",
      { ids: [...tokenizer.encode("hello"), 358] },
      { template: qwen3, eosTokenIds: [358, 357] },
      kNext,
    ],
    [
      "where the template's end of a turn is none of the policy's",
      { ids: [...tokenizer.encode("hello"), 358] },
      { eosTokenIds: [358] },
      `<|im_end|>${kNext}`,
    ],
    ["where nothing was said", "", {}, kNext],
    [
      "where nothing was said, under a template that gives every answer a thought",
      "",
      { template: chatMl("{{- '<think>\n\n</think>\n\n' + m.content }}") },
      kNext,
    ],
  ];
  it.each(stay)("%s", async (_, said, options, after) => {
    expect(await twoTurns(said, options)).toMatchObject({ prefix: "extends", isKept: true, after });
  });

  const withTools = (spaces: string) =>
    `<tool_call>\n{"name": "add", "arguments": {"a":${spaces}1.0, "b": "\\u00e9 é"}}\n</tool_call>`;
  it.each([
    ["spaced and escaped otherwise", withTools("   ")],
    ["in another order", '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>'],
    ["given as text", `<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>`],
    ["after a thought", `<think>\nfoo\n</think>\n\n${withTools("")}`],
    ["twice", `${withTools("")}\n${withTools(" ")}`],
  ])(
    "under a template that treats the last answer otherwise, whatever its calls look like: %s",
    async (_, said) => {
      const template = chatMl(
        "{{- '<think>\n\n</think>\n\n' if loop.last and '</think>' not in m.content }}{{- m.content }}",
      );
      const { prefix, isKept, after } = await twoTurns(
        said,
        { template: `{{- tools | tojson }}${template}` },
        { tools },
      );
      expect([prefix, isKept]).toEqual(["extends", true]);
      expect(after).toMatch(/^\n<\|im_start\|>tool\n3<\|im_end\|>/);
    },
  );

  it("under a template that refuses an answer as the last message, and are a break where its text alone does not continue", async () => {
    const refusing = (answer: string) =>
      `{%- if messages[-1].role == 'assistant' %}{{- raise_exception('whose turn is it?') }}{%- endif %}${chatMl(answer)}`;
    const kept = await twoTurns(
      { ids: [...letters, 358] },
      { template: refusing("{{- m.content }}"), eosTokenIds: [357, 358] },
    );
    expect(kept).toMatchObject({ prefix: "extends", isKept: true, after: `<|im_end|>${kNext}` });
    expect((await twoTurns("hello", { template: refusing("{{- m.content | upper }}") })).prefix).toBe(
      "break",
    );
  });

  it("when the request ended the answer itself, by a text or by a token", async () => {
    const [dot] = tokenizer.encode(".");
    const ids = [...tokenizer.encode("hello"), dot ?? 0];
    const byToken = await twoTurns({ ids }, {}, { stop_token_ids: [dot] });
    expect(byToken.message.content).toBe("hello");
    expect(byToken).toMatchObject({ prefix: "extends", isKept: true, after: `<|im_end|>${kNext}` });
    const byText = await twoTurns({ ids }, {}, { stop: "." });
    expect(byText.message.content).toBe("hello");
    expect(byText).toMatchObject({ prefix: "extends", isKept: true, after: `<|im_end|>${kNext}` });
  });

  it("but not where the template takes thoughts out of the past", async () => {
    const { prefix } = await twoTurns("<think>foo</think>hello", { template: qwen3 });
    expect(prefix).toBe("break");
  });

  it("nor where it writes the past otherwise in as many letters", async () => {
    const template =
      "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + m.content }}{%- if m.role == 'user' %}{{- '?' if loop.last else '.' }}{%- endif %}{{- '<|im_end|>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}";
    expect((await twoTurns("hello", { template })).prefix).toBe("break");
  });

  it("a token that begins the next message stands for no other", async () => {
    // As GLM, whose answers end with the mark of who speaks next; here another end was sampled.
    const template =
      "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + m.content }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}";
    const turn = tokenizer.idOf("<|im_start|>") ?? -1;
    const ask = (end: number) =>
      twoTurns({ ids: [...tokenizer.encode("hello"), end] }, { template, eosTokenIds: [358, turn] });
    const after = "user\nmore<|im_start|>assistant\n";
    expect(await ask(turn)).toMatchObject({ prefix: "extends", isKept: true, after });
    expect(await ask(358)).toMatchObject({ prefix: "extends", isKept: true, after: `<|im_start|>${after}` });
  });
});

describe("thoughts that a client took apart", () => {
  const thinking = "<think>\nfoo\n</think>\n\nhello";
  const apart = (field: string) => (message: Record<string, unknown>) => ({
    ...message,
    content: "hello",
    [field]: "foo",
  });
  const back: [what: string, change: (message: Record<string, unknown>) => Record<string, unknown>][] = [
    ["as they were", (message) => message],
    ["in the content", ({ role }) => ({ role, content: "<think>foo</think>hello" })],
    ["in reasoning_content", apart("reasoning_content")],
    ["in reasoning", apart("reasoning")],
    ["untrimmed", (message) => ({ ...message, content: "\n\nhello", reasoning_content: "\nfoo\n" })],
    ["twice", (message) => ({ ...message, reasoning_content: "foo" })],
    ["as parts", (message) => ({ ...message, content: [{ type: "text", text: message.content }] })],
  ];
  it.each(back)("continue what was sampled when they come back %s", async (_, change) => {
    expect(await twoTurns(thinking, {}, {}, change)).toMatchObject({
      prefix: "extends",
      isKept: true,
      after: kNext,
    });
  });

  it("start anew when the thought is another", async () => {
    expect((await twoTurns(thinking, {}, {}, (m) => ({ ...m, reasoning_content: "bar" }))).prefix).toBe(
      "start",
    );
  });

  const forgotten = ({ role, content }: Record<string, unknown>) => ({ role, content });

  it("are no part of the prompt when they do not come back, which is a break of its own kind", async () => {
    const { prefix, message, two } = await twoTurns(thinking, {}, {}, forgotten);
    expect(message).toMatchObject({ content: "hello", reasoning_content: "foo" });
    expect([prefix, two?.prompt.lacksThought]).toEqual(["break", true]);
    expect(two?.prompt.text).toContain("assistant\nhello<|im_end|>");
  });

  it("are missed also by a template that would drop them", async () => {
    const template = chatMl("{{- m.content.split('</think>')[-1].strip() }}");
    const { prefix, two } = await twoTurns(thinking, { template }, {}, forgotten);
    expect([prefix, two?.prompt.lacksThought]).toEqual(["break", true]);
    expect((await twoTurns(thinking, { template, thoughts: "keep" }, {}, forgotten)).prefix).toBe("extends");
  });

  it("are put back where they are to be kept", async () => {
    const { prefix, isKept, two } = await twoTurns(thinking, { thoughts: "keep" }, {}, forgotten);
    expect([prefix, isKept, two?.prompt.lacksThought]).toEqual(["extends", true, false]);
    expect(two?.prompt.text).toContain("assistant\n<think>\nfoo\n</think>\n\nhello<|im_end|>");
  });

  it("need not come back where they are empty", async () => {
    const said = "<think>\n\n</think>\n\nhello";
    const { prefix, isKept, message } = await twoTurns(said, {}, {}, forgotten);
    expect(message).toEqual({ role: "assistant", content: "hello", refusal: null });
    expect([prefix, isKept]).toEqual(["extends", true]);
  });

  it("are the whole answer while they do not end", async () => {
    const { message, prefix } = await twoTurns({ cut: "<think>\nfoo" }, {});
    expect(message).toMatchObject({ content: "", reasoning_content: "foo" });
    expect(prefix).toBe("extends");
  });

  it("stand in a field of their own for a template that looks for them there", async () => {
    const template = chatMl(
      "{{- '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' + m.content }}",
      "<think>\\n",
    );
    const said = "foo\n</think>\n\nhello";
    expect(await twoTurns(said, { template })).toMatchObject({ prefix: "extends", isKept: true });
    const { two } = await twoTurns(said, { template }, {}, forgotten);
    expect(two?.prompt.text).toContain("assistant\n<think>\n\n</think>\n\nhello<|im_end|>");
  });

  it("stand in the prompt where no exchange is continued", async () => {
    const policy = scripted(["a"]);
    const told = { role: "assistant", content: "hello", reasoning_content: "because" };
    await policy.post({ model: "m", messages: [user("hi"), told, user("more")] });
    const twice = { ...told, content: "<think>because</think>hello" };
    await policy.post({ model: "m", messages: [user("hi"), twice, user("more")] });
    expect(tokenizer.decode(policy.asked[1]?.prompt as Int32Array)).toContain(
      "assistant\n<think>because</think>hello<|im_end|>",
    );
    expect(tokenizer.decode(policy.asked[0]?.prompt as Int32Array)).toContain(
      "<think>\nbecause\n</think>\n\nhello<|im_end|>",
    );
  });
});

describe("which exchange a prompt continues", () => {
  const prefixes = (policy: ReturnType<typeof scripted>) => policy.calls.map(({ prompt }) => prompt.prefix);

  it("is none with other tools, nor with other variables of the template", async () => {
    const policy = scripted(["a", "b", "c", "d"]);
    const first = await policy.post({ model: "m", messages: [user("hi")], tools });
    const messages = [user("hi"), first.json.choices[0].message, user("more")];
    const others = [{ ...tools[0], function: { name: "sub" } }];
    await policy.post({ model: "m", messages, tools: others });
    await policy.post({ model: "m", messages });
    await policy.post({ model: "m", messages, tools, chat_template_kwargs: { x: 1 } });
    await policy.post({ model: "m", messages, tools });
    expect(prefixes(policy)).toEqual(["start", "start", "start", "start", "extends"]);
  });

  it("is the longest of those that it continues, whichever came last", async () => {
    const policy = scripted([{ cut: "a" }, { ids: letters }, { cut: "a" }, "c"]);
    const answer = (content: string) => ({ role: "assistant", content });
    const turns = [user("1"), answer("a"), user("2"), answer("answer"), user("3")];
    await policy.post({ model: "m", messages: turns.slice(0, 1) });
    await policy.post({ model: "m", messages: turns.slice(0, 3) });
    await policy.post({ model: "m", messages: turns.slice(0, 1) });
    await policy.post({ model: "m", messages: turns });
    const [, second, , last] = policy.calls;
    const ids = [...(second?.prompt.ids ?? []), ...(second?.choice.sampled.tokens ?? [])];
    expect([...(last?.prompt.ids ?? [])].slice(0, ids.length)).toEqual(ids);
    expect(prefixes(policy)).toEqual(["start", "extends", "start", "extends"]);
  });
});
