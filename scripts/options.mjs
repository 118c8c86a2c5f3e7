// The options that a script is started with. --help prints how it is used; what it does not know ends it with one line.
import { parseArgs } from "node:util";
import { giveUp } from "./command.mjs";

/**
 * @param {string} usage  the command with all its options, as in "npm run bench -- [--rounds N]"
 * @param options  as util.parseArgs takes them
 * @returns their values by name
 */
export function readOptions(usage, options) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean", default: false } } });
    if (!values.help) return values;
  } catch (error) {
    if (!`${error.code}`.startsWith("ERR_PARSE_ARGS")) throw error;
    // Its first sentence says what is wrong, a second one how to pass it all the same.
    return giveUp(`${error.message.split(". ")[0]}; usage: ${usage}`);
  }
  console.log(`usage: ${usage}`);
  return process.exit(0);
}
