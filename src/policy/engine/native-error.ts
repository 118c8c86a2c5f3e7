// What the addon rejects with, turned into the package's error.
import { type ErrorCode, LightningError } from "../../base/error.js";

/**
 * @param who  the call, as in `policy.sample`
 * @throws LightningError for the { code, message } that the addon rejects with; everything else is E_INTERNAL
 */
export async function fromNative<T>(who: string, call: () => Promise<T> | T): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw toLightningError(who, cause);
  }
}

/** What one of several engines rejects with; its message says on which device. */
export function onDevice(cause: unknown, device: string): unknown {
  const { code, message } = toFields(cause);
  if (code === "E_CLOSED" || cause instanceof LightningError) return cause;
  const text = typeof message === "string" ? message : String(cause);
  return Object.assign(new Error(`${text} (on ${device})`, { cause }), { code });
}

// --- internal ---

const kCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "E_ARGUMENT",
  "E_MODEL",
  "E_MEMORY",
  "E_CLOSED",
  "E_NATIVE",
  "E_DEVICE",
  "E_NONFINITE",
  "E_EXACTNESS",
  "E_STATE",
  "E_INTERNAL",
]);

function toLightningError(who: string, cause: unknown): LightningError {
  if (cause instanceof LightningError) return cause;
  const { code, message } = toFields(cause);
  const text = typeof message === "string" ? message : String(cause);
  // Some messages name the call themselves.
  const said = text.startsWith("policy.") || text.startsWith("loadPolicy") ? text : `${who}: ${text}`;
  if (isErrorCode(code)) return new LightningError(code, said, { cause });
  return new LightningError("E_INTERNAL", `${who}: expected an answer of the engine, got: ${text}`, {
    cause,
  });
}

function toFields(cause: unknown): Partial<Record<"code" | "message", unknown>> {
  return typeof cause === "object" && cause !== null ? cause : {};
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && kCodes.has(code);
}
