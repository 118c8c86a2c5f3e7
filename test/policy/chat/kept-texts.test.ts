import { describe, expect, it } from "vitest";
import { loadChatTemplate } from "../../../src/policy/chat/chat-template.js";
import type { ChatMessage } from "../../../src/types/chat.js";
import { temporaryFolder, thrownBy } from "../fixture-models.js";

const user: ChatMessage = { role: "user", content: "hi" };
const calling: ChatMessage = {
  role: "assistant",
  content: "I add.",
  tool_calls: [{ id: "call_0", type: "function", function: { name: "add", arguments: "{}" } }],
};

function render(source: string, messages: readonly ChatMessage[]): string {
  return loadChatTemplate(temporaryFolder({ "chat_template.jinja": source })).render(messages);
}

describe("a message that a template drops", () => {
  const chatml =
    "{% if messages[0].role == 'system' %}[{{ messages[0].content }}]{% endif %}" +
    "{% for m in messages if m.role in ['user', 'assistant'] %}<{{ m.content }}>{% endfor %}";
  const developer: ChatMessage = { role: "developer", content: "Be brief." };
  const system: ChatMessage = { role: "system", content: "Be kind." };

  it("is refused by place and role, with a remedy", () => {
    const error = thrownBy(() => render(chatml, [user, { role: "tool", content: "42" }]));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toMatch(
      /writes messages\[1\] \(role "tool"\), got .*; give the tool's result in a user's message/,
    );
  });

  it.each<[what: string, source: string, messages: readonly ChatMessage[], index: number]>([
    ["a second system message", chatml, [system, { ...system, content: "Be brief." }, user], 1],
    ["an instruction beside a system message", chatml, [system, developer, user], 1],
    ["a role of its own", chatml, [user, { role: "critic", content: "no" }], 1],
    ["a text that stands elsewhere too", chatml, [user, { role: "tool", content: "hi" }, user], 1],
    ["a text as short as the template's own words", `<>${chatml}`, [user, { role: "tool", content: "<" }], 1],
    ["all but the last", "{{ messages[-1].content }}", [{ role: "user", content: "first" }, user], 0],
    ["the last", "{{ messages[0].content }}", [user, { role: "user", content: "last" }], 1],
    [
      "a system message over others",
      "{% set ns = namespace(s='') %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.s = m.content %}{% endif %}{% endfor %}{{ ns.s }}{{ messages[-1].content }}",
      [system, { ...system, content: "Z." }, user],
      0,
    ],
    [
      "parts but the first",
      "{% for p in messages[0].content[:1] %}{{ p.text }}{% endfor %}",
      [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      0,
    ],
  ])("is refused when it is %s", (_what, source, messages, index) => {
    const template = loadChatTemplate(temporaryFolder({ "chat_template.jinja": source }));
    // The second time it knows conversations of this shape.
    for (let turn = 0; turn < 2; turn++) {
      const error = thrownBy(() => template.render(messages));
      expect(error.message).toContain(`messages[${index}] (role`);
    }
  });

  it("is found though a word in it switches something", () => {
    const source =
      "{% for m in messages %}{% if '/off' in m.content %}{% set off = true %}{{ '(off)' }}{% endif %}" +
      "{% if m.role == 'user' %}{{ m.content | replace('/off', '') | trim }};{% endif %}{% endfor %}";
    const template = loadChatTemplate(temporaryFolder({ "chat_template.jinja": source }));
    // As the system message of Nemotron Nano 2, which means what is the default.
    const consuming =
      "{% set on = '/off' not in messages[0].content %}[{{ messages[0].content | replace('/on', '') | replace('/off', '') }}]{{ on }}{{ messages[1].content }}";
    expect(render(consuming, [{ role: "system", content: "/on" }, user])).toBe("[]Truehi");
    const switched: ChatMessage = { role: "system", content: "Be kind. /off" };
    expect(template.render([{ role: "user", content: "hi /off" }])).toBe("(off)hi;");
    expect(template.render([{ role: "user", content: "/off" }])).toBe("(off);");
    expect(thrownBy(() => template.render([switched, user])).message).toContain("messages[0] (role");
  });

  it("is found where only its beginning is written", () => {
    const long: ChatMessage = { role: "user", content: "abcdefgh" };
    expect(render("{{ messages[0].content[:9] }}", [long])).toBe("abcdefgh");
    expect(thrownBy(() => render("{{ messages[0].content[:4] }}", [long])).message).toContain("messages[0]");
  });

  it("is found after conversations of its shape were kept", () => {
    const source =
      "{% for m in messages %}{% if 'secret' not in m.content %}{{ m.content }}{% endif %}{% endfor %}";
    const template = loadChatTemplate(temporaryFolder({ "chat_template.jinja": source }));
    expect(template.render([user])).toBe("hi");
    expect(template.render([user])).toBe("hi");
    expect(thrownBy(() => template.render([{ role: "user", content: "secret" }])).message).toContain(
      "messages[0]",
    );
  });

  it.each<[what: string, source: string, messages: readonly ChatMessage[], expected: string]>([
    ["trimmed", "{{ messages[0].content | trim }}", [{ role: "user", content: " a \n" }], "a"],
    ["in capitals", "{{ messages[0].content | upper }}", [user], "HI"],
    [
      "escaped as JSON",
      "{{ messages[0].content | tojson }}",
      [{ role: "tool", content: '"é"\n' }],
      '"\\"é\\"\\n"',
    ],
    [
      "escaped as ASCII",
      "{{ messages[0].content | tojson(ensure_ascii=true) }}",
      [{ role: "user", content: "é" }],
      '"\\u00e9"',
    ],
    [
      "of one line",
      "{{ messages[0].content | replace('\n', ' ') }}",
      [{ role: "user", content: "a\nb" }],
      "a b",
    ],
    [
      "without its thought",
      "{{ messages[0].content.split('</think>')[-1] }}",
      [{ role: "assistant", content: "<think>x</think>y" }],
      "y",
    ],
    [
      "with other words",
      "{{ messages[0].content | replace('cat', 'dog') }}",
      [{ role: "user", content: "a cat" }],
      "a dog",
    ],
    ["empty", "{{ messages[0].content }}.", [{ role: "user", content: " " }], " ."],
    [
      "merged with another",
      "{{ messages | map(attribute='content') | join('|') }}",
      [system, user],
      "Be kind.|hi",
    ],
    ["at another place", "{{ messages[1].content }}{{ messages[0].content }}", [system, user], "hiBe kind."],
    [
      "beside a call",
      "{% for c in messages[0].tool_calls %}{{ c.function.name }}{% endfor %}{{ '' if messages[0].tool_calls else messages[0].content }}",
      [calling],
      "add",
    ],
  ])("is none that is written %s", (_what, source, messages, expected) => {
    expect(render(source, messages)).toBe(expected);
  });

  it("is found in a conversation of any length, which is read once and not once a message", () => {
    const many = Array.from({ length: 100_000 }, () => user);
    const error = thrownBy(() => render(chatml, [...many, { role: "critic", content: "no" }]));
    expect(error.message).toContain("messages[100000]");
  });

  it("is none of a developer, who is the system for a template that does not know the role", () => {
    expect(render(chatml, [developer, user])).toBe("[Be brief.]<hi>");
    expect(render("{% for m in messages %}{{ m.role }}: {{ m.content }};{% endfor %}", [developer])).toBe(
      "system: Be brief.;",
    );
    const knowing =
      "{% for m in messages %}{% if m.role == 'developer' %}D {{ m.content }}{% endif %}{% endfor %}";
    expect(render(knowing, [developer])).toBe("D Be brief.");
  });
});
