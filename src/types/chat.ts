// Chat messages, tools and tool calls in the shape of OpenAI's chat completions. Plain data; nothing is checked here.

/** A call the model asks for. `arguments` is JSON text, exactly as the model wrote it. */
export interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A tool call inside a message: ids may be missing, and arguments may already be an object. */
export interface ToolCallInput {
  readonly id?: string;
  readonly type?: "function";
  readonly function: {
    readonly name: string;
    readonly arguments: string | { readonly [name: string]: unknown };
  };
}

/** A function the model may call; `parameters` is a JSON schema. */
export interface ToolDefinition {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: { readonly [keyword: string]: unknown };
    readonly [field: string]: unknown;
  };
}

export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/**
 * One message. Roles are "system", "developer", "user", "assistant" and "tool", or what a template knows besides.
 * Only an assistant's content may be null or absent, and only beside tool calls. Further fields reach the template.
 */
export interface ChatMessage {
  readonly role: string;
  readonly content?: string | readonly TextPart[] | null;
  readonly name?: string;
  readonly tool_calls?: readonly ToolCallInput[] | null;
  readonly tool_call_id?: string;
  readonly [field: string]: unknown;
}
