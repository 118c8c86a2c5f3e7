// Filters and tests by name.
import { bind } from "./arguments.js";
import type { Filter, Test } from "./filter.js";
import { lazyFilters } from "./lazy-filters.js";
import { numberFilters } from "./number-filters.js";
import { isTrue } from "./operators.js";
import { sequenceFilters } from "./sequence-filters.js";
import { tests } from "./tests.js";
import { textFilters } from "./text-filters.js";
import { type Named, TemplateError, type Value } from "./values.js";

/** value | name(...args) @throws TemplateError for unknown filters, and for what Python refuses */
export function applyFilter(name: string, value: Value, args: readonly Value[], named: Named): Value {
  const filter = kFilters.get(name);
  if (filter !== undefined) {
    if (kBareFilters.has(name)) bind(name, [], 0, args, named);
    return filter(value, args, named);
  }
  const problem = kUnserved.has(name) ? "is not served" : "does not exist";
  throw new TemplateError(`the filter '${name}' ${problem}`);
}

/** value is name(...args) @throws TemplateError for unknown tests, and for what Python refuses */
export function applyTest(name: string, value: Value, args: readonly Value[], named: Named): boolean {
  if (name === "filter" || name === "test") {
    const known: ReadonlyMap<Value, unknown> = name === "filter" ? kFilters : kTests;
    return known.has(value) || (name === "filter" && typeof value === "string" && kUnserved.has(value));
  }
  const test = kTests.get(name);
  if (test === undefined) throw new TemplateError(`the test '${name}' does not exist`);
  if (kBareTests.has(name)) bind(name, [], 0, args, named);
  return test(value, args, named);
}

// --- internal ---

const kUnserved = new Set(["filesizeformat", "pprint", "random", "urlize", "wordwrap", "xmlattr"]);

// What takes no arguments.
const kBareFilters = new Set([
  ...["abs", "capitalize", "count", "e", "escape", "first", "forceescape", "items", "last", "length", "list"],
  ...["lower", "reverse", "safe", "string", "striptags", "title", "upper", "urlencode", "wordcount"],
]);
const kBareTests = new Set([
  ...[
    "boolean",
    "callable",
    "defined",
    "escaped",
    "false",
    "float",
    "integer",
    "iterable",
    "lower",
    "mapping",
  ],
  ...["none", "number", "sequence", "string", "true", "undefined", "upper"],
]);

const kTests: ReadonlyMap<string, Test> = new Map(Object.entries({ ...tests, filter: isTrue, test: isTrue }));
const kFilters: ReadonlyMap<string, Filter> = new Map(
  Object.entries({
    ...textFilters,
    ...numberFilters,
    ...sequenceFilters,
    ...lazyFilters({ filter: applyFilter, test: applyTest }),
  }),
);
