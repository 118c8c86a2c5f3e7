// What was found out about a policy's chat template, and the ids of prompts. It is the same in all rollouts that render it with the same variables, and dear to find out.
import { createEncodedTexts, type EncodedTexts } from "./encoded-texts.js";
import type { EndMark } from "./end-marks.js";
import type { ToolsCheck } from "./tools-check.js";

export interface TemplateNotes {
  /** Names of fields that were warned of; grows. */
  readonly warned: Set<string>;
  /** undefined: not yet asked. */
  tools: ToolsCheck | undefined;
  marks: readonly EndMark[] | undefined;
  readonly encoded: EncodedTexts;
}

export function createTemplateNotes(warned: Set<string> = new Set()): TemplateNotes {
  return { warned, tools: undefined, marks: undefined, encoded: createEncodedTexts() };
}
