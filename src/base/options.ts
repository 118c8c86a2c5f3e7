// The check at the entry of every function that takes options: an object, and no name that nobody reads.
import { argumentError } from "./check.js";
import { LightningError } from "./error.js";
import { nearest } from "./nearest.js";

/**
 * Every name of an options type with what others call it, as in `{ rank: ["r"], alpha: ["lora_alpha"] }`. The type ties the
 * table to the interface: an option that is added there and not here does not compile. An index signature has no names.
 */
export type OptionNames<Options> = {
  readonly [Name in keyof Options as string extends Name
    ? never
    : number extends Name
      ? never
      : Name]-?: readonly string[];
};

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
  checkRecord(who, options, names);
  let unknown: string[] | undefined;
  // Inherited names too: they are read like the object's own.
  for (const name in options) {
    if (Object.hasOwn(names, name) || options[name] === undefined) continue;
    unknown ??= [];
    unknown.push(name);
  }
  if (unknown !== undefined) refuse(who, unknown, names, elsewhere);
}

/**
 * The same for records that may carry more than their names, such as a template's variables: refused is what is a known name in
 * another spelling, or by `share` of its letters (see `nearest`) away from one.
 * @throws E_ARGUMENT
 */
export function checkSpelling<Options>(
  who: string,
  options: unknown,
  names: OptionNames<Options>,
  share = 0,
): void {
  checkRecord(who, options, names);
  let known: string[] | undefined;
  const misspelt: string[] = [];
  for (const name in options) {
    if (Object.hasOwn(names, name) || options[name] === undefined) continue;
    known ??= [...spellings(names).keys()];
    if (nearest(name, known, share) !== undefined) misspelt.push(name);
  }
  if (misspelt.length > 0) refuse(who, misspelt, names, {});
}

/** The options that have a value: what is undefined is as if it were not there, and hides no default. */
export function givenOptions<Options extends object>(options: Options): Partial<Options> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<Options>;
}

// --- internal ---

/** How much of a name may differ from the one that is hinted at: it is refused either way. */
const kHinted = 0.4;

/** Objects of any class, but none whose content is not in its properties: a Map, a promise, a date. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const kind = Object.prototype.toString.call(value);
  return kind === "[object Object]" || kind === "[object Module]";
}

function checkRecord(
  who: string,
  options: unknown,
  names: object,
): asserts options is Readonly<Record<string, unknown>> {
  if (isRecord(options)) return;
  const isSignal = options instanceof AbortSignal && Object.hasOwn(names, "signal");
  const remedy = isSignal ? "pass { signal }" : `the options are ${Object.keys(names).join(", ")}`;
  throw argumentError(who, "an object of options", options, remedy);
}

function refuse(who: string, unknown: readonly string[], names: object, elsewhere: Elsewhere): never {
  const meanings = spellings(names);
  const candidates = [...meanings.keys(), ...Object.keys(elsewhere)];
  const meant: string[] = [];
  const remedies: string[] = [];
  for (const name of unknown) {
    const found = nearest(name, candidates, kHinted);
    if (found === undefined) continue;
    const option = meanings.get(found);
    if (option === undefined) remedies.push(`${elsewhere[found]}`);
    else meant.push(unknown.length === 1 ? option : `${option} for ${name}`);
  }
  if (meant.length > 0) remedies.unshift(`did you mean ${meant.join(", ")}?`);
  const got = unknown.map((name) => JSON.stringify(name)).join(", ");
  const expected = `options among ${Object.keys(names).join(", ")}`;
  const tail = remedies.length === 0 ? "" : `; ${[...new Set(remedies)].join("; ")}`;
  throw new LightningError("E_ARGUMENT", `${who}: expected ${expected}, got ${got}${tail}`);
}

/** Option by each of its spellings, its own first. */
function spellings(names: object): Map<string, string> {
  const meanings = new Map(Object.keys(names).map((name) => [name, name]));
  for (const [name, others] of Object.entries<readonly string[]>({ ...names })) {
    for (const other of others) if (!meanings.has(other)) meanings.set(other, name);
  }
  return meanings;
}
