// The functions that every template has.
import { bind, integerArgument } from "./arguments.js";
import { Namespace } from "./namespace.js";
import { iterate, listOf, putInto } from "./operators.js";
import { toText } from "./print.js";
import {
  Callable,
  Dict,
  type Key,
  type Named,
  Range,
  Structure,
  TemplateError,
  toInteger,
  type Value,
} from "./values.js";

/** What a template says with raise_exception. */
export class RaisedError extends Error {}

export const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["range", new Callable((args, named) => toRange(bind("range", ["start", "stop", "step"], 1, args, named)))],
  ["dict", new Callable((args, named) => new Dict(toMapping(args, named)))],
  ["namespace", new Callable((args, named) => new Namespace(toMapping(args, named)))],
  ["cycler", new Callable((args) => new Cycler(args))],
  ["joiner", new Callable((args, named) => new Joiner(bind("joiner", ["sep"], 0, args, named)[0] ?? ", "))],
  [
    "lipsum",
    new Callable(() => {
      throw new TemplateError("lipsum, which is made of chance, is not served");
    }),
  ],
  [
    "raise_exception",
    new Callable(([message = null]) => {
      throw new RaisedError(toText(message));
    }),
  ],
]);

// --- internal ---

/** The sandbox's limit. */
const kLongestRange = 100_000;

function toRange([first = null, second, third = 1]: readonly (Value | undefined)[]): Range {
  const [start, stop, step] = [second === undefined ? 0 : first, second ?? first, third].map((part) =>
    integerArgument("range", part),
  );
  if (start === undefined || stop === undefined || step === undefined || step === 0)
    throw new TemplateError("range() arg 3 must not be zero");
  const range = new Range(start, stop, step);
  if (range.length > kLongestRange) {
    throw new TemplateError(
      `Range too big. The sandbox blocks ranges larger than ${toInteger(BigInt(kLongestRange))}.`,
    );
  }
  return range;
}

function toMapping(args: readonly Value[], named: Named): Map<Key, Value> {
  const [source] = args;
  if (args.length > 1) throw new TemplateError(`dict expected at most 1 argument, got ${args.length}`);
  const map = new Map<Key, Value>();
  const pairs =
    source instanceof Dict ? source.map : source === undefined ? [] : Array.from(iterate(source), listOf);
  for (const [key = null, item, ...others] of pairs) {
    if (item === undefined || others.length > 0) throw new TemplateError("a mapping is made of pairs");
    putInto(map, key, item);
  }
  for (const [name, value] of named) map.set(name, value);
  return map;
}

class Cycler extends Structure {
  readonly kind = "Cycler";
  readonly #items: readonly Value[];
  #place = 0;

  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw new TemplateError("at least one item has to be provided");
    this.#items = items;
  }

  attribute(name: string): Value | undefined {
    const current = this.#items[this.#place];
    if (name === "current") return current;
    if (name !== "next" && name !== "reset") return undefined;
    return new Callable(() => {
      const value = this.#items[this.#place] ?? null;
      this.#place = name === "next" ? (this.#place + 1) % this.#items.length : 0;
      return name === "next" ? value : null;
    });
  }
}

class Joiner extends Structure {
  readonly kind = "Joiner";
  readonly #between: Value;
  #isUsed = false;

  constructor(between: Value) {
    super();
    this.#between = between;
  }

  attribute(): undefined {
    return undefined;
  }

  override call(): Value {
    const value = this.#isUsed ? this.#between : "";
    this.#isUsed = true;
    return value;
  }
}
