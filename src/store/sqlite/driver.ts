// What the store needs of a binding to SQLite. Every call is synchronous.

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, SqlValue>>;

export interface Statement {
  /** Of a statement that gives no rows. */
  run(...parameters: readonly SqlValue[]): void;
  /** The same, and how many rows it changed. */
  change(...parameters: readonly SqlValue[]): number;
  get(...parameters: readonly SqlValue[]): Row | undefined;
  all(...parameters: readonly SqlValue[]): readonly Row[];
}

export interface Driver {
  /** Statements without parameters and rows. */
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export type DriverName = "node:sqlite" | "libsql";

/** SQLite's result code of an error that a driver threw, without its extension; undefined: it is none of SQLite's. */
export function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode, rawCode } = error as { readonly errcode?: unknown; readonly rawCode?: unknown };
  const code = errcode ?? rawCode;
  return typeof code === "number" ? code & 0xff : undefined;
}
