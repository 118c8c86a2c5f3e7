import { describe, expect, it } from "vitest";
import { loadChatTemplate, type RenderChatOptions } from "../../../src/policy/chat/chat-template.js";
import { checkDate, checkTemplate, checkVariables } from "../../../src/policy/chat/template-options.js";
import { temporaryFolder, thrownBy } from "../fixture-models.js";

const source =
  "{{ strftime_now('%d %b %Y') }} {{ date_string | default('none') }} {{ thinking | default('unset') }}";

function render(defaults: object | undefined, options?: RenderChatOptions): string {
  const dir = temporaryFolder({ "chat_template.jinja": source });
  return loadChatTemplate(dir, checkTemplate("loadPolicy", defaults)).render(
    [{ role: "user", content: "hi" }],
    options,
  );
}

describe("the date of a template", () => {
  it("is a constant where nobody names one, whatever the clock says", () => {
    expect(render(undefined)).toBe("26 Jul 2024 none unset");
  });

  it("is the call's before the policy's, and date_string follows a date that was named", () => {
    expect(render({ date: "2026-03-10" })).toBe("10 Mar 2026 10 Mar 2026 unset");
    expect(render({ date: "2026-03-10" }, { date: "2025-01-02T03:04" })).toBe(
      "02 Jan 2025 02 Jan 2025 unset",
    );
    expect(render({ date: "2026-03-10", template: { date_string: "today" } })).toBe(
      "10 Mar 2026 today unset",
    );
    expect(render({}, { date: "2026-03-10", date_string: "now" })).toBe("10 Mar 2026 now unset");
  });

  it.each([
    "2026-3-1",
    "2026-02-30",
    "26 Jul 2024",
    "",
    "now",
    new Date(0),
    20240726,
    null,
    "2026-01-01T25:00",
  ])("is refused when it is %j, with the way to today's", (date) => {
    const error = thrownBy(() => checkDate("loadPolicy", "date", date));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toMatch(/^loadPolicy: expected date to be .*toISOString/);
  });
});

describe("variables of a template", () => {
  it("are the call's before the policy's", () => {
    expect(render({ template: { thinking: false } })).toMatch(/ False$/);
    expect(render({ template: { thinking: false } }, { template: { thinking: true } })).toMatch(/ True$/);
    expect(render({ template: { thinking: 1 } }, { template: { other: 2 } })).toMatch(/ 1$/);
    expect(render({}, { thinking: "so" })).toMatch(/ so$/);
  });

  it.each([
    ["template to be an object", 7],
    ["template to be an object", "enable_thinking"],
    ["template to be an object", ["enable_thinking"]],
    ["template.f to be data", { f: () => 1 }],
    ["template.a[1].b to be data", { a: [0, { b: Number.NaN }] }],
    ["template.d to be data", { d: new Date(0) }],
    ["template.n to be data", { n: 1n }],
  ])("are refused by place: %s", (place, template) => {
    const error = thrownBy(() => checkVariables("createTrainer", "template", template));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toContain(`createTrainer: expected ${place}`);
  });

  it.each(["messages", "tools", "add_generation_prompt"])("cannot hide the conversation's own %s", (name) => {
    const error = thrownBy(() => checkVariables("policy.renderChat", "template", { [name]: [] }));
    expect(error).toMatchObject({ code: "E_ARGUMENT" });
    expect(error.message).toMatch(new RegExp(`expected no template.${name}.*; `));
  });
});
