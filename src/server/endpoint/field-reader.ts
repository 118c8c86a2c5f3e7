// Reads the objects of one request by their tables, and gathers the names of the fields that no table knows.
import { type FieldTable, readFields } from "./field-table.js";

export interface FieldReader {
  /**
   * @param at  where the object stands: "" for the body, "messages.0"
   * @throws RequestError as readFields
   */
  read<Served>(table: FieldTable<Served>, from: unknown, at: string): Served;
  /** A field that is known and has no effect here. */
  ignore(path: string): void;
  /** With "[]" in the place of indices: `messages[].mood`. */
  ignored(): readonly string[];
}

export function createFieldReader(): FieldReader {
  const ignored = new Set<string>();
  const ignore = (path: string) => void ignored.add(path.replace(/\.\d+/g, "[]"));
  return {
    ignore,
    read(table, from, at) {
      const { fields, unknown } = readFields(table, from, at);
      for (const name of unknown) ignore(at === "" ? name : `${at}.${name}`);
      return fields;
    },
    ignored: () => [...ignored],
  };
}

/** Whether the table has something to say of the field but serving it. */
export function isKnown(table: FieldTable<unknown>, name: string): boolean {
  return table.harmless.includes(name) || Object.hasOwn(table.refused, name);
}

export function pick(
  from: Readonly<Record<string, unknown>>,
  isWanted: (name: string) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => isWanted(name)));
}
