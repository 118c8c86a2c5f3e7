// The families of models by how they write tool calls, and which of them a chat template belongs to.
import type { CallForm } from "./call-form.js";
import { deepseekV3, deepseekV31 } from "./deepseek.js";
import { hermes } from "./hermes.js";
import { llama } from "./llama.js";
import { mistralV3, mistralV11, mistralV13 } from "./mistral.js";
import { qwenXml } from "./qwen-xml.js";

export const callForms = {
  hermes,
  "qwen-xml": qwenXml,
  llama,
  "mistral-v3": mistralV3,
  "mistral-v11": mistralV11,
  "mistral-v13": mistralV13,
  "deepseek-v3": deepseekV3,
  "deepseek-v3.1": deepseekV31,
} as const satisfies Readonly<Record<string, CallForm>>;

export type ToolCallFamily = keyof typeof callForms;

export const toolCallFamilies = Object.keys(callForms) as readonly ToolCallFamily[];

/** @returns the family whose marks the template's source writes; null where it writes none that is known */
export function familyOf(source: string): ToolCallFamily | null {
  return kSigns.find(([signs]) => signs.every((sign) => sign.test(source)))?.[1] ?? null;
}

// --- internal ---

/** In this order: the marks of a form may be part of another's. */
const kSigns: readonly (readonly [signs: readonly RegExp[], family: ToolCallFamily])[] = [
  [[/<｜tool▁call▁begin｜>/, /```json/], "deepseek-v3"],
  [[/<｜tool▁call▁begin｜>/], "deepseek-v3.1"],
  [[/\[TOOL_CALLS\]/, /\[CALL_ID\]/], "mistral-v11"],
  [[/\[TOOL_CALLS\]/, /\[ARGS\]/], "mistral-v13"],
  [[/\[TOOL_CALLS\]/], "mistral-v3"],
  [[/<function=/, /<parameter=/], "qwen-xml"],
  [[/<tool_call>/], "hermes"],
  [[/"name\\?":/, /"parameters\\?":/], "llama"],
  [[/<\|python_tag\|>/], "llama"],
];
