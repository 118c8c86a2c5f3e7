// What prompt optimisation changes of a model call, whatever wire the call is on.
import type { ChatMessage } from "./chat.js";

/** Absent: as the agent wrote it. */
export interface PromptEdits {
  /** In place of the call's own system prompt, or before a call that has none. */
  readonly system?: string;
  /** Examples, which stand behind the system prompt and before what the agent wrote. */
  readonly messages?: readonly ChatMessage[];
  readonly model?: string;
}
