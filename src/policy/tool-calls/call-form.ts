// How one family of models writes tool calls. One file a family beside this one; `call-forms.ts` knows them all.
import type { Part } from "../../grammar/compose.js";
import type { ToolCall, ToolDefinition } from "../../types/chat.js";

export interface CallForm {
  /** What calls begin with. */
  readonly marks: readonly string[];
  /** Calls may also be the whole answer, without a mark; and nothing follows calls. */
  readonly isBare: boolean;
  /** Every block ends with one of them. */
  readonly closers: readonly string[];
  /** Ids of calls are nine letters and digits: the form writes them, or its templates refuse others. */
  readonly hasShortIds: boolean;
  /** The names that its calls can hold and are read back with. Absent: all. */
  readonly names?: RegExp;
  /**
   * The calls that are written at `start`, where a mark begins, or the answer does.
   * @param tools  what may be called: their schemas tell a text from JSON where the form does not
   * @returns undefined for what is not well formed
   */
  readBlock(text: string, start: number, tools: readonly ToolDefinition[]): CallBlock | undefined;
  /**
   * The texts of calls of these tools, as the family's templates write them: one call, or one and more.
   * @throws E_ARGUMENT for a tool whose parameters the form cannot hold
   */
  write(tools: readonly WritableTool[], means: WriteMeans): Part;
  /** How its calls are read while they are written by this grammar; absent where a call is told only when it is complete. */
  readonly held?: HeldForm;
}

/** Calls one after the other: patterns of what stands around their arguments. */
export interface HeldForm {
  /** Before the first. Absent: nothing. */
  readonly begin?: RegExp;
  /** Before a call's arguments, with its name and perhaps its id as groups. */
  readonly head: RegExp;
  /** Between the arguments of a call and the next. */
  readonly between: RegExp;
  /** The arguments as JSON, as far as they are certain, and where they end; undefined: not yet. */
  args(
    text: string,
    start: number,
    tool: ToolDefinition | undefined,
  ): { readonly args: string; readonly end: number | undefined };
}

/** A tool as a grammar writes its calls. */
export interface WritableTool {
  readonly name: string;
  /** A schema of objects; null: any object. */
  readonly parameters: Readonly<Record<string, unknown>> | null;
}

export interface WriteMeans {
  readonly isParallel: boolean;
  /** A tag: the vocabulary's token for it, or its text. */
  tag(text: string): Part;
  /** The arguments of a tool's call, as one line of JSON. */
  json(tool: WritableTool): Part;
}

/** Calls that stand together, between one opening and one closing. */
export interface CallBlock {
  /** At least one. */
  readonly calls: readonly WrittenCall[];
  readonly start: number;
  readonly end: number;
}

export interface WrittenCall {
  readonly function: ToolCall["function"];
  /** Where the model gave one. */
  readonly id?: string;
}
