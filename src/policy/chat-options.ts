// The options of renderChat: its own are checked, everything else is a variable of the template.
import { argumentError, checkBoolean } from "../base/check.js";
import { checkSpelling, type OptionNames } from "../base/options.js";
import type { RenderChatOptions } from "./chat-template.js";

/** @throws E_ARGUMENT for a value of another kind, and for a variable that is an option in another spelling */
export function checkChatOptions(options: RenderChatOptions): void {
  checkSpelling(kWho, options, kNames, 0.2);
  const { tools, addGenerationPrompt } = options;
  if (tools !== undefined && tools !== null && !Array.isArray(tools))
    throw argumentError(kWho, "tools to be a list of definitions", tools);
  checkBoolean(kWho, "addGenerationPrompt", addGenerationPrompt);
}

// --- internal ---

const kWho = "policy.renderChat";
const kNames: OptionNames<RenderChatOptions> = {
  tools: ["functions"],
  addGenerationPrompt: [],
  template: ["chat_template_kwargs", "template_kwargs"],
  date: [],
};
