// Jinja templates as Python's jinja2 3.1 renders them inside transformers: its immutable sandbox with trim_blocks, lstrip_blocks, loop controls,
// `tojson` as json.dumps and raise_exception. What cannot be rendered so is refused by name, when the template comes to it:
//   1. tags, filters and methods that need other templates, chance, or HTML beyond escaping
//   2. what Python prints with an address in memory: functions, generators
//   3. mappings with keys that are lists or fractions
// A mapping that was read from JSON text prints as that text.
import { compileBlock } from "./execute.js";
import { globals, RaisedError } from "./globals.js";
import { loopsOver } from "./loops-over.js";
import type { Output } from "./output.js";
import { parseTemplate } from "./parse-template.js";
import { Scope } from "./scope.js";
import { toValue } from "./values.js";

export { RaisedError };

export interface JinjaTemplate {
  /**
   * @param variables  data, and functions of data; they hide the built-in functions of the same name
   * @throws RaisedError where the template calls raise_exception, another Error where it cannot be carried out
   */
  render(variables: Readonly<Record<string, unknown>>): string;
  /** Whether it goes through what is called so, as in `{% for part in message.content %}`. */
  loopsOver(name: string): boolean;
}

/** @throws Error when the source is not Jinja */
export function compileJinja(source: string): JinjaTemplate {
  const tree = parseTemplate(source);
  const run = compileBlock(tree);
  return {
    loopsOver: (name) => loopsOver(tree, name),
    render(variables) {
      const base = new Scope();
      for (const [name, value] of globals) base.set(name, value);
      for (const [name, value] of Object.entries(variables)) {
        if (value !== undefined) base.set(name, toValue(value));
      }
      const out: Output = { text: "" };
      run(new Scope(base), out);
      return out.text;
    },
  };
}
