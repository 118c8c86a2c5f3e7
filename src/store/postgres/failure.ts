// What can go wrong between a store and its database, in three kinds that are dealt with differently, and as the error callers see.
import { LightningError } from "../../base/error.js";

/**
 * lost: there is no connection (any more), so the statement may or may not have run; worth another try.
 * conflict: the database undid the transaction because of another one; worth another try at once.
 * refused: the database said no and would say so again.
 */
export type FailureKind = "lost" | "conflict" | "refused";

/** A call of the driver that failed. */
export class DatabaseFailure extends Error {
  readonly kind: FailureKind;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.kind = kindOf(sqlStateOf(cause));
  }
}

/** @param target  the database in words, without a password */
export function storeError(
  who: string,
  target: string,
  failure: DatabaseFailure,
  remedy: string,
): LightningError {
  const { kind, message, cause } = failure;
  const expected = `the PostgreSQL database ${target} to ${kind === "lost" ? "answer" : "accept it"}`;
  return new LightningError("E_STORE", `${who}: expected ${expected}, got "${message}"; ${remedy}`, {
    cause,
  });
}

// --- internal ---

/** The five letters of SQL's own codes; undefined when the error is not the server's. */
function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && "severity" in error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

// Connection exceptions, ends by the administrator or a crash, too many connections, a transaction that took too long.
const kLost = /^(08...|57P0[1-5]|53300|25P0[34])$/;
const kConflict = /^(40001|40P01)$/;

function kindOf(sqlState: string | undefined): FailureKind {
  if (sqlState === undefined || kLost.test(sqlState)) return "lost";
  return kConflict.test(sqlState) ? "conflict" : "refused";
}

// Several addresses that all refuse come as one AggregateError without a message.
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
