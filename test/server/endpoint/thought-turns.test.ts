// A thought's way to the client and back, in the dialects that have one of their own for it.
import { expect, it } from "vitest";
import { scripted } from "./scripted-policy.js";

const kSaid = "<think>\nso it is\n</think>\n\nYes.";
/** As Qwen3's: what was thought stands before its answer until the user speaks again, and these users do not mind. */
const template =
  "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}{%- if m.role == 'assistant' and m.reasoning_content %}" +
  "{{- '<think>\n' + m.reasoning_content.strip('\n') + '\n</think>\n\n' + m.content.lstrip('\n') }}{%- else %}{{- m.content }}{%- endif %}" +
  "{{- '<|im_end|>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}";
const user = { role: "user", content: "hi" };
const hi = { role: "user", parts: [{ text: "hi" }] };

it("a thought is Anthropic's block, streamed as it is whole, and what comes back is spliced", async () => {
  const policy = scripted([kSaid, kSaid, "so"], 1024, { template });
  const body = { model: "m", messages: [user], thinking: { type: "adaptive" } };
  const { json } = await policy.post(body, "/v1/messages");
  const thinking = { type: "thinking", thinking: "so it is", signature: "agentlightning" };
  expect(json.content).toEqual([thinking, { type: "text", text: "Yes." }]);
  const events = await (await policy.send({ ...body, stream: true }, "/v1/messages")).text();
  expect(
    [...events.matchAll(/"thinking_delta","thinking":"([^"]*)"/g)].map(([, text]) => text).join(""),
  ).toBe("so it is");
  expect([...events.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, text]) => text).join("")).toBe(
    "Yes.",
  );
  const messages = [user, { role: "assistant", content: json.content }, user];
  await policy.post({ ...body, messages }, "/v1/messages");
  expect(policy.calls.map(({ prompt }) => prompt.prefix)).toEqual(["start", "start", "extends"]);
});

it("a thought is Google's part, streamed as it is whole, and what comes back is spliced", async () => {
  const policy = scripted([kSaid, kSaid, "so"], 1024, { template });
  const path = "/v1beta/models/m:generateContent";
  const { json } = await policy.post({ contents: [hi] }, path);
  const { content } = json.candidates[0];
  expect(content.parts).toEqual([{ text: "so it is", thought: true }, { text: "Yes." }]);
  const events = await (
    await policy.send({ contents: [hi] }, "/v1beta/models/m:streamGenerateContent")
  ).json();
  const parts = (events as (typeof json)[]).flatMap(({ candidates }) => candidates[0].content.parts);
  const said = (isThought: boolean) =>
    parts
      .filter(({ thought = false }) => thought === isThought)
      .map(({ text }) => text)
      .join("");
  expect([said(true), said(false)]).toEqual(["so it is", "Yes."]);
  await policy.post({ contents: [hi, content, hi] }, path);
  expect(policy.calls.map(({ prompt }) => prompt.prefix)).toEqual(["start", "start", "extends"]);
});
