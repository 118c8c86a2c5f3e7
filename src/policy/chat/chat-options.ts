// The options of renderChat: its own are checked, everything else is a variable of the template.
import { argumentError, checkBoolean } from "../../base/check.js";
import { checkSpelling, type OptionNames } from "../../base/options.js";
import type { RenderChatOptions } from "./chat-template.js";

/** @throws E_ARGUMENT for a value of another kind, and for a variable that is an option in another spelling */
export function checkChatOptions(options: RenderChatOptions): void {
  checkSpelling(kWho, options, kNames, 0.2);
  const { tools, addGenerationPrompt } = options;
  if (tools !== undefined && tools !== null && !Array.isArray(tools))
    throw argumentError(kWho, "tools to be a list of definitions", tools);
  for (const [i, tool] of (tools ?? []).entries()) checkTool(`tools[${i}]`, tool);
  if (options.messages !== undefined)
    throw argumentError(kWho, "the messages as the first argument alone", options.messages);
  checkBoolean(kWho, "addGenerationPrompt", addGenerationPrompt);
}

// --- internal ---

function checkTool(at: string, tool: unknown): void {
  const called: unknown = Object(Object(tool).function);
  if (typeof tool !== "function" && typeof Object(called).name === "string" && typeof called !== "function")
    return;
  const remedy = 'as in { type: "function", function: { name, description, parameters } }';
  throw argumentError(kWho, `${at} to be the definition of a function`, tool, remedy);
}

const kWho = "policy.renderChat";
const kNames: OptionNames<RenderChatOptions> = {
  tools: ["functions"],
  addGenerationPrompt: [],
  template: ["chat_template_kwargs", "template_kwargs"],
  date: [],
};
