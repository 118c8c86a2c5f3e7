// The error that a server's refusal stands for: the code it names in a header, or, for servers that name none, what its status means.
import { type ErrorCode, LightningError } from "../../base/error.js";
import type { Answer } from "./exchange.js";

export function toAnswerError(who: string, { status, headers, text }: Answer): LightningError {
  const named = kCodes.get(String(headers["x-agl-error"]));
  const code = named ?? kByStatus.get(status) ?? "E_STORE";
  return new LightningError(code, `store.${who}: the server answered ${status}: ${showDetail(text)}`);
}

/** Refused before anything was done. */
export function isUnprocessed({ status, headers }: Answer): boolean {
  // Whoever stands between and answers 503 does not say by that what became of the request.
  const isBusy =
    status === 503 && headers["x-agl-error"] !== undefined && headers["retry-after"] !== undefined;
  return isBusy || status === 408 || status === 429;
}

/** How long the server wants to be left alone; 0 when it says nothing. */
export function toRetryMs({ headers }: Answer): number {
  const seconds = headers["retry-after"] ?? "";
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0;
}

// --- internal ---

// A store that closed at the other end is not ours that closed.
const kCodes: ReadonlyMap<string, ErrorCode> = new Map([
  ["E_ARGUMENT", "E_ARGUMENT"],
  ["E_NOT_FOUND", "E_NOT_FOUND"],
  ["E_STATE", "E_STATE"],
  ["E_CLOSED", "E_STORE"],
  ["E_STORE", "E_STORE"],
  ["E_INTERNAL", "E_STORE"],
]);
const kByStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [400, "E_ARGUMENT"],
  [401, "E_ARGUMENT"],
  [403, "E_ARGUMENT"],
  [409, "E_STATE"],
  [413, "E_ARGUMENT"],
  [422, "E_ARGUMENT"],
]);

function showDetail(text: string): string {
  const short = text.slice(0, 300);
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === "string") return detail;
    if (!Array.isArray(detail)) return short;
    return detail.slice(0, 3).map(showIssue).join("; ");
  } catch {
    return short; // Not 0.3's body: what came is the best description there is.
  }
}

function showIssue(issue: { readonly loc?: unknown; readonly msg?: unknown }): string {
  const place = Array.isArray(issue.loc) ? `${issue.loc.join(".")}: ` : "";
  return `${place}${String(issue.msg)}`;
}
