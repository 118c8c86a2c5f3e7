// node:sqlite as a driver. Node 22.13 and newer have it; the types of Node 20 do not know it.
import type { Driver, Row, SqlValue } from "./driver.js";

/** Null: this Node has no SQLite. */
export function openNodeSqlite(path: string, readOnly: boolean): Driver | null {
  const sqlite = loadQuietly();
  if (sqlite === undefined) return null;
  const database = new sqlite.DatabaseSync(path, { readOnly });
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        run: (...parameters) => void statement.run(...parameters),
        change: (...parameters) => Number(statement.run(...parameters).changes),
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
      };
    },
    close: () => database.close(),
  };
}

// --- internal ---

/** Without Node's warning that its SQLite is experimental, which users cannot heed; others are given as ever. */
function loadQuietly(): NodeSqlite | undefined {
  const { emitWarning } = process;
  process.emitWarning = ((warning: unknown, ...how: unknown[]) => {
    const isExperimental = how[0] === "ExperimentalWarning" && String(warning).includes("SQLite");
    if (!isExperimental) Reflect.apply(emitWarning, process, [warning, ...how]);
  }) as typeof emitWarning;
  try {
    return process.getBuiltinModule?.("node:sqlite") as NodeSqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => DatabaseSync;
}

interface DatabaseSync {
  exec(sql: string): void;
  prepare(sql: string): StatementSync;
  close(): void;
}

interface StatementSync {
  run(...parameters: readonly SqlValue[]): { readonly changes: number | bigint };
  get(...parameters: readonly SqlValue[]): Row | undefined;
  all(...parameters: readonly SqlValue[]): readonly Row[];
}
