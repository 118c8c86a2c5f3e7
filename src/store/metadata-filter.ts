// Which rollouts a query asks for by its mode and by top-level values of their metadata: equality, or a range of numbers.
import { argumentError, checkNumber, checkOneOf } from "../base/check.js";
import type { MetadataFilter, MetadataRange, RolloutQuery } from "./store-records.js";

/** @throws E_ARGUMENT for a mode or a filter that is none */
export function checkRolloutFilters(who: string, { mode, metadata, filterLogic }: RolloutQuery): void {
  if (filterLogic !== undefined) checkOneOf(who, "filterLogic", filterLogic, ["and", "or"]);
  if (mode !== undefined) checkOneOf(who, "mode", mode, ["train", "val", "test"]);
  if (metadata === undefined) return;
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw argumentError(who, "metadata to be an object of values or ranges by name", metadata);
  for (const [name, filter] of Object.entries(metadata)) checkFilter(who, `metadata.${name}`, filter);
}

/** One answer for each filter. */
export function metadataMatches(
  metadata: Readonly<Record<string, unknown>>,
  filters: RolloutQuery["metadata"] = {},
): readonly boolean[] {
  return Object.entries(filters).map(
    ([name, filter]) => Object.hasOwn(metadata, name) && accepts(filter, metadata[name]),
  );
}

export function isRange(filter: MetadataFilter): filter is MetadataRange {
  return typeof filter === "object" && filter !== null;
}

// --- internal ---

function checkFilter(who: string, name: string, filter: unknown): void {
  if (filter === null || typeof filter === "string" || typeof filter === "boolean") return;
  if (typeof filter === "number") return void checkNumber(who, name, filter);
  const bounds = typeof filter === "object" && !Array.isArray(filter) ? Object.entries(filter) : [];
  if (bounds.length === 0 || bounds.some(([key]) => key !== "min" && key !== "max"))
    throw argumentError(who, `${name} to be text, a number, a boolean, null, or { min, max }`, filter);
  for (const [key, bound] of bounds) if (bound !== undefined) checkNumber(who, `${name}.${key}`, bound);
}

function accepts(filter: MetadataFilter, value: unknown): boolean {
  if (!isRange(filter)) return value === filter;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = filter;
  return typeof value === "number" && value >= min && value <= max;
}
