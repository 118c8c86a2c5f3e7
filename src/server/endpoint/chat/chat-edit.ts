// A chat completions body with another system prompt, examples or model in it.
import type { PromptEdits } from "../../../types/prompt-edits.js";
import { splitInstructions } from "../instructions.js";

/** Everything else of the body stays as it is; a body that is no chat completions request is returned itself. */
export function editChat(body: unknown, { system, messages: examples, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("messages" in body) || !Array.isArray(body.messages))
    return body;
  const { lead, rest } = splitInstructions(body.messages);
  const first = Object(lead[0] ?? { role: "system" });
  const instructions = system === undefined ? lead : [{ ...first, content: system }];
  return {
    ...body,
    ...(model === undefined ? {} : { model }),
    messages: [...instructions, ...(examples ?? []), ...rest],
  };
}
