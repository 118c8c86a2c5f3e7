// The check at the entry of every function that takes options: an object, and no name that nobody reads.
import { argumentError } from "./check.js";
import { LightningError } from "./error.js";
import { nearest } from "./nearest.js";

/**
 * Every name of an options type with what others call it, as in `{ rank: ["r"], alpha: ["lora_alpha"] }`. The type ties the
 * table to the interface: an option that is added there and not here does not compile.
 */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: readonly string[] };

/** Names that belong to another function, with what to write instead: `{ rank: "give it as adapter: { rank }" }`. */
export type Elsewhere = Readonly<Record<string, string>>;

/**
 * A name whose value is undefined asks for nothing and is allowed, known or not.
 * @param who  the call, as in `policy.sample`, or the option of it that holds these, as in `loadPolicy: adapter`
 * @throws E_ARGUMENT when the options are no object, and for names that are not in the table, with the nearest that is
 */
export function checkOptions<Options>(
  who: string,
  options: unknown,
  names: OptionNames<Options>,
  elsewhere: Elsewhere = {},
): void {
  if (!isRecord(options))
    throw argumentError(who, "an object of options", options, shapeRemedy(options, names));
  let unknown: string[] | undefined;
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name) || options[name] === undefined) continue;
    unknown ??= [];
    unknown.push(name);
  }
  if (unknown !== undefined) refuse(who, unknown, names, elsewhere);
}

// --- internal ---

/** How much of a name may differ from the one that is hinted at: it is refused either way. */
const HINTED = 0.4;

/** Objects of any class, but none whose content is not in its properties: a Map, a promise, a date. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const kind = Object.prototype.toString.call(value);
  return kind === "[object Object]" || kind === "[object Module]";
}

function shapeRemedy(options: unknown, names: object): string | undefined {
  const isSignal = options instanceof AbortSignal && Object.hasOwn(names, "signal");
  if (isSignal) return "pass { signal }";
  const known = Object.keys(names);
  return known.length === 0 ? undefined : `the options are ${known.join(", ")}`;
}

function refuse(who: string, unknown: readonly string[], names: object, elsewhere: Elsewhere): never {
  const known = Object.keys(names);
  const meanings = spellings(names as Readonly<Record<string, readonly string[]>>);
  const meant: string[] = [];
  const remedies: string[] = [];
  for (const name of unknown) {
    const found = nearest(name, [...meanings.keys(), ...Object.keys(elsewhere)], HINTED);
    if (found === undefined) continue;
    const option = meanings.get(found);
    if (option === undefined) remedies.push(`${elsewhere[found]}`);
    else meant.push(unknown.length === 1 ? option : `${option} for ${name}`);
  }
  if (meant.length > 0) remedies.unshift(`did you mean ${meant.join(", ")}?`);
  const got = unknown.map((name) => JSON.stringify(name)).join(", ");
  const tail = remedies.length === 0 ? "" : `; ${[...new Set(remedies)].join("; ")}`;
  throw new LightningError(
    "E_ARGUMENT",
    `${who}: expected options among ${known.join(", ")}, got ${got}${tail}`,
  );
}

/** Option by each of its spellings, its own first. */
function spellings(names: Readonly<Record<string, readonly string[]>>): Map<string, string> {
  const meanings = new Map(Object.keys(names).map((name) => [name, name]));
  for (const [name, others] of Object.entries(names)) {
    for (const other of others) if (!meanings.has(other)) meanings.set(other, name);
  }
  return meanings;
}
