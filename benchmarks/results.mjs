// Rows of benchmarks/results.jsonl: one measurement each, with all that is needed to judge it. Rows are only appended.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/command.mjs";
import { describeCommit, describeMachine } from "./machine.mjs";

/**
 * @typedef {object} Row
 * @property {string} subject  "products", "decode" ...
 * @property {string} contender  "engine", or what it is compared with
 * @property {Record<string, unknown>} shape  sizes by name
 * @property {string} dtype
 * @property {number} threads
 * @property {number} value  median
 * @property {string} unit
 * @property {number} [p20]
 * @property {number} [p80]
 * @property {number} [samples]
 * @property {number} [limit]  what the machine allows, in the same unit, measured in the same run
 * @property {string} [limitedBy]  "memory" or "arithmetic"
 * @property {string} [about]  versions of a peer
 * @property {number} [memoryBytes]  largest resident size of the process
 * @property {string} [isa]
 * @property {string} [device]  default "cpu"
 * @property {boolean} [loaded]  other processes ran meanwhile: the row must not be quoted
 */

/**
 * Completes a row with date, commit, machine, node and its share of the limit, and appends it.
 * @param {Row} row
 * @returns the row as it was written
 */
export function appendRow(row, file = join(root, "benchmarks", "results.jsonl")) {
  for (const name of ["subject", "contender", "shape", "dtype", "threads", "value", "unit"]) {
    if (row[name] === undefined) throw new TypeError(`appendRow: expected ${name}, got none`);
  }
  if (!Number.isFinite(row.value))
    throw new TypeError(`appendRow: expected a finite value, got ${row.value}`);
  const written = {
    date: new Date().toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    node: process.version,
    device: "cpu",
    ...rounded(row),
    ...(row.limit === undefined ? {} : { share: Number(shareOf(row).toFixed(3)) }),
    loaded: row.loaded ?? false,
  };
  appendFileSync(file, `${JSON.stringify(written)}\n`);
  return written;
}

/** The row as one line for people. */
export function showRow({
  subject,
  contender,
  shape,
  threads,
  value,
  unit,
  p20,
  p80,
  limit,
  share,
  limitedBy,
  loaded,
}) {
  const sizes = Object.entries(shape).map(([name, size]) => `${name} ${size}`);
  const spread = p20 === undefined ? "" : ` (${p20} to ${p80})`;
  const allowed = limit === undefined ? "" : `, ${(100 * share).toFixed(0)} % of ${limit} (${limitedBy})`;
  const warning = loaded ? "  LOADED: must not be quoted" : "";
  return `${subject} ${contender}, ${sizes.join(", ")}, threads ${threads}: ${value} ${unit}${spread}${allowed}${warning}`;
}

/** Median, 20th and 80th percentile (nearest rank). */
export function summarize(samples) {
  if (samples.length === 0) throw new RangeError("summarize: expected one sample or more, got none");
  const sorted = Float64Array.from(samples).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { value: at(0.5), p20: at(0.2), p80: at(0.8), samples: sorted.length };
}

// --- internal ---

/** Of the limit: a rate's is above it, a time's below. */
function shareOf({ value, limit, unit }) {
  return unit === "s" ? limit / value : value / limit;
}

function rounded(row) {
  const short = (value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, short(value)]));
}
