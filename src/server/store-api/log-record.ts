// What a server tells its operator, for whoever writes it down. No record holds a key, a body or a query.

export type LogLevel = "error" | "warn" | "info";

export interface LogRecord {
  readonly level: LogLevel;
  /** What happened. Others may have written parts of it: neither escaped nor bounded. */
  readonly message: string;
  readonly requestId?: string;
  readonly method?: string;
  /** As the route is written, with the names of its parameters. */
  readonly route?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly rolloutId?: string;
  /** The client's address. */
  readonly remote?: string;
  /** So many of its kind came since the last record of it, and were counted only. */
  readonly more?: number;
}

export type Log = (record: LogRecord) => void;
