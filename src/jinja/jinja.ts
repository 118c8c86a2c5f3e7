// Jinja templates as Python's jinja2 renders them inside transformers. @huggingface/jinja parses and interprets them;
// the functions here do what it does otherwise, and the syntax tree is changed to call them (corrections.ts).
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { correctTree } from "./corrections.js";
import { pythonRange, stripText } from "./python-builtins.js";
import {
  equalInPython,
  type JinjaFunction,
  type JinjaValue,
  type JsonStyle,
  toJinja,
  toJinjaFunction,
  toPythonJson,
  toPythonText,
} from "./values.js";

export interface JinjaTemplate {
  /**
   * @param variables  data, and functions of data; they hide the built-in functions of the same name
   * @throws RaisedError where the template calls raise_exception, another Error where it cannot be carried out
   */
  render(variables: Readonly<Record<string, unknown>>): string;
}

/** What a template says with raise_exception. */
export class RaisedError extends Error {}

/** @throws Error when the source is not Jinja */
export function compileJinja(source: string): JinjaTemplate {
  const program = correctTree(parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })));
  return {
    render(variables) {
      const scope = new Environment();
      for (const [name, value] of Object.entries(kGlobals)) scope.setVariable(name, toJinja(value));
      for (const [name, run] of Object.entries(kCorrections)) scope.setVariable(name, toJinjaFunction(run));
      for (const [name, value] of Object.entries(variables)) scope.setVariable(name, toJinja(value));
      return new Interpreter(scope).run(program).value;
    },
  };
}

// --- internal ---

const kGlobals = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range: pythonRange,
  raise_exception: (message: unknown) => {
    throw new RaisedError(String(message));
  },
};

// What the corrected tree calls: no template can spell these names.
const kCorrections: Readonly<Record<string, JinjaFunction>> = {
  "| tojson": ([value = kNone, ...rest]) => toJinja(toPythonJson(value, jsonStyle(rest))),
  ".strip": strip("strip", "both"),
  ".lstrip": strip("lstrip", "left"),
  ".rstrip": strip("rstrip", "right"),
  "==": ([left = kNone, right = kNone]) => toJinja(equalInPython(left, right)),
  "!=": ([left = kNone, right = kNone]) => toJinja(!equalInPython(left, right)),
  "~": ([left = kNone, right = kNone]) => toJinja(toPythonText(left) + toPythonText(right)),
  "{{": ([value = kNone]) => toJinja(toPythonText(value)),
  "for:": (names, scope) => {
    for (const name of names) scope.variables.delete(String(name.value));
    return kNone;
  },
};

const kNone = toJinja(null);

// The arguments of `tojson`, by place or by name.
function jsonStyle(args: readonly JinjaValue[]): JsonStyle {
  const style: Record<string, unknown> = {};
  for (const [i, arg] of args.entries()) {
    if (arg.type === "KeywordArgumentsValue" && arg.value instanceof Map) {
      for (const [name, value] of arg.value) style[name] = plain(value);
    } else {
      style[kStyleNames[i] ?? ""] = plain(arg);
    }
  }
  return style;
}

const kStyleNames = ["ensure_ascii", "indent", "separators", "sort_keys"];

function plain(value: JinjaValue): unknown {
  return Array.isArray(value.value) ? value.value.map(plain) : value.value;
}

function strip(name: string, side: "both" | "left" | "right"): JinjaFunction {
  return ([text, argument]) => {
    if (typeof text?.value !== "string") throw new Error(`${name}: expected text, got ${text?.type}`);
    const chars = argument?.value instanceof Map ? argument.value.get("chars")?.value : argument?.value;
    return toJinja(stripText(text.value, side, typeof chars === "string" ? chars : undefined));
  };
}
