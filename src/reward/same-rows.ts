// Whether two query results are the same, as execution accuracy compares them (Spider, arXiv:1809.08887; BIRD): values, whatever the columns are
// called. Without `ordered`, as bags: rows in any order, but as often.
import { argumentError, checkBoolean } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";

/** Values in the order of the columns, or by column. */
export type Row = readonly unknown[] | Readonly<Record<string, unknown>>;

export interface SameRowsOptions {
  /** The order of rows counts, as after ORDER BY. Default false. */
  readonly ordered?: boolean;
}

/**
 * Numbers are equal to twelve significant digits, whether number, bigint or boolean (1 and 0); dates as their ISO text, bytes by their content, all
 * else as JSON.
 * @param rows  a query's; null or undefined: it failed, which is no result
 * @returns 1 or 0
 * @throws E_ARGUMENT when `expected` is no list of rows
 */
export function sameRows(
  rows: readonly Row[] | null | undefined,
  expected: readonly Row[],
  options: SameRowsOptions = {},
): 0 | 1 {
  checkOptions(kWho, options, kNames);
  checkBoolean(kWho, "ordered", options.ordered);
  if (!isRows(expected)) throw argumentError(kWho, "the right rows as lists or records", expected);
  if (!isRows(rows) || rows.length !== expected.length) return 0;
  const [given, right] = [rows.map(spell), expected.map(spell)];
  if (!options.ordered) {
    given.sort();
    right.sort();
  }
  return given.every((row, i) => row === right[i]) ? 1 : 0;
}

// --- internal ---

const kWho = "rewards.sameRows";
const kNames: OptionNames<SameRowsOptions> = { ordered: ["order", "order_matters", "sorted"] };

function isRows(value: unknown): value is readonly Row[] {
  return Array.isArray(value) && value.every((row) => typeof row === "object" && row !== null);
}

function spell(row: Row): string {
  return JSON.stringify(Object.values(row).map(spellValue));
}

function spellValue(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return `#${Number(Number(value).toPrecision(12)) + 0}`;
  if (value === null || value === undefined) return "null";
  if (value instanceof Date) return `"${Number.isNaN(value.getTime()) ? "no date" : value.toISOString()}`;
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
  return typeof value === "string" ? `"${value}` : `:${JSON.stringify(value)}`;
}
