// Public chat templates, and the text of an answer as each of them writes it.
import { readFileSync } from "node:fs";
import { loadChatTemplate } from "../../../src/policy/chat/chat-template.js";
import type { ToolCallFamily } from "../../../src/policy/tool-calls/call-forms.js";
import type { ToolCallInput, ToolDefinition } from "../../../src/types/chat.js";
import { temporaryFolder } from "../fixture-models.js";

export interface PublicTemplate {
  readonly name: string;
  readonly family: ToolCallFamily;
  /** What stands before an answer, and behind it. */
  readonly head: string;
  readonly tail: string;
  /** It writes no more calls than these in one message: it refuses, or ends the answer in the middle. */
  readonly most?: number;
  /** Its prompts end inside a thought. */
  readonly opensThought?: boolean;
}

const fixtures = new URL("../../fixtures/", import.meta.url);
const chatMl = { head: "<|im_start|>assistant\n", tail: "<|im_end|>" };
const llama3 = { head: "<|start_header_id|>assistant<|end_header_id|>\n\n", tail: "<|eot_id|>", most: 1 };
const mistral = { head: "[/INST]", tail: "</s>" };
const deepseek = { head: "<｜Assistant｜>", tail: "<｜end▁of▁sentence｜>" };

export const publicTemplates: readonly PublicTemplate[] = [
  { name: "tool-calls/templates/hermes", family: "hermes", ...chatMl },
  { name: "jinja/templates/qwen2_5", family: "hermes", ...chatMl },
  { name: "jinja/templates/qwen3", family: "hermes", ...chatMl },
  { name: "jinja/templates/qwen3_instruct_2507", family: "hermes", ...chatMl },
  { name: "jinja/templates/qwen3_vl", family: "hermes", ...chatMl },
  { name: "tool-calls/templates/qwen3_coder", family: "qwen-xml", ...chatMl },
  { name: "jinja/templates/qwen3_5_think", family: "qwen-xml", ...chatMl, opensThought: true },
  { name: "jinja/templates/qwen3_8", family: "qwen-xml", ...chatMl, opensThought: true },
  { name: "jinja/templates/nemotron_3_nano", family: "qwen-xml", ...chatMl, opensThought: true },
  { name: "jinja/templates/llama3_1", family: "llama", ...llama3 },
  { name: "jinja/templates/llama3_2", family: "llama", ...llama3 },
  { name: "tool-calls/templates/mistral_nemo", family: "mistral-v3", ...mistral },
  { name: "jinja/templates/mistral_small_3_1", family: "mistral-v3", ...mistral },
  { name: "tool-calls/templates/mistral_v11", family: "mistral-v11", ...mistral },
  { name: "tool-calls/templates/mistral_v13", family: "mistral-v13", ...mistral },
  { name: "jinja/templates/deepseekv3", family: "deepseek-v3", ...deepseek },
  { name: "jinja/templates/deepseek_r1_distill", family: "deepseek-v3", ...deepseek, most: 2 },
  { name: "tool-calls/templates/deepseek_r1", family: "deepseek-v3", ...deepseek },
  { name: "tool-calls/templates/deepseek_v3", family: "deepseek-v3", ...deepseek, most: 2 },
  { name: "tool-calls/templates/deepseek_v3_1", family: "deepseek-v3.1", ...deepseek },
];

export function sourceOf({ name }: PublicTemplate): string {
  return readFileSync(new URL(`${name}.jinja`, fixtures), "utf8");
}

export interface Answers {
  /** The text of an answer of these calls, from behind what begins it to before what ends it. */
  write(calls: readonly ToolCallInput[], tools?: readonly ToolDefinition[]): string;
}

/** Reads the template once. */
export function openTemplate(template: PublicTemplate): Answers {
  const dir = temporaryFolder({
    "chat_template.jinja": sourceOf(template),
    "tokenizer_config.json": { bos_token: "<s>", eos_token: "</s>" },
  });
  const chat = loadChatTemplate(dir);
  return {
    write(calls, tools = []) {
      const messages = [
        { role: "user", content: kAsked },
        { role: "assistant", content: null, tool_calls: calls },
      ];
      const text = chat.render(messages, { tools, addGenerationPrompt: false });
      const asked = text.indexOf(kAsked);
      const start = text.indexOf(template.head, asked) + template.head.length;
      const end = text.lastIndexOf(template.tail);
      return text.slice(start, end < start ? text.length : end);
    },
  };
}

const kAsked = "What is asked-7f3a?";
