// libsql as a driver: prebuilt, an optional dependency, for Node without node:sqlite.
import type { Driver, Row, SqlValue } from "./driver.js";

/** @returns missing: why the package cannot be loaded */
export async function openLibsql(
  path: string,
  readonly: boolean,
): Promise<Driver | { readonly missing: unknown }> {
  let Database: new (path: string, options: { readonly readonly: boolean }) => LibsqlDatabase;
  try {
    Database = (await import("libsql")).default as unknown as typeof Database;
  } catch (error) {
    return { missing: error };
  }
  const database = new Database(path, { readonly });
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        // Half the time of its run(), which describes what it did.
        run: (...parameters) => void statement.get(checked(parameters)),
        change: (...parameters) => statement.run(checked(parameters)).changes,
        get: (...parameters) => statement.get(checked(parameters)),
        all: (...parameters) => statement.all(checked(parameters)),
      };
    },
    close: () => database.close(),
  };
}

// --- internal ---

interface LibsqlDatabase {
  exec(sql: string): void;
  prepare(sql: string): LibsqlStatement;
  close(): void;
}

interface LibsqlStatement {
  run(parameters: readonly SqlValue[]): { readonly changes: number };
  get(parameters: readonly SqlValue[]): Row | undefined;
  all(parameters: readonly SqlValue[]): readonly Row[];
}

// libsql ends the process when it is given a boolean.
function checked(parameters: readonly SqlValue[]): readonly SqlValue[] {
  for (const value of parameters)
    if (typeof value !== "string" && typeof value !== "number" && value !== null)
      throw new TypeError(`libsql: expected a string, a number or null, got ${typeof value}`);
  return parameters;
}
