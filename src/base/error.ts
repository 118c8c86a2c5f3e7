// The one error class of the package. The code is API; the message is for people.

/** Why a call failed. Codes are stable; messages are not. */
export type ErrorCode =
  /** A caller's value is wrong. */
  | "E_ARGUMENT"
  /** A model or adapter folder is wrong: missing, damaged or unsupported. */
  | "E_MODEL"
  /** The work does not fit the memory planned at load. */
  | "E_MEMORY"
  /** The object was closed. */
  | "E_CLOSED"
  /** There is no usable native addon. */
  | "E_NATIVE"
  /** A GPU is missing, unsupported, lost or failed. */
  | "E_DEVICE"
  /** A loss or a gradient is not finite; weights are unchanged. */
  | "E_NONFINITE"
  /** Two paths that must give the same bits did not. */
  | "E_EXACTNESS"
  /** No rollout of a step or an evaluation could be used. */
  | "E_ROLLOUT"
  /** A store keeps no record of that id. */
  | "E_NOT_FOUND"
  /** The call is not allowed in this state. */
  | "E_STATE"
  /** A store's database, file or server failed or cannot be reached. */
  | "E_STORE"
  /** A server of a model that was asked, not trained, failed or cannot be reached. */
  | "E_PROVIDER"
  /** A broken invariant of the package itself. */
  | "E_INTERNAL";

/**
 * Every error this package throws on purpose.
 * The message says who, what was expected, what came, where, and the remedy if known:
 *   policy.sample: expected at most 4096 prompt tokens, got 5210; load with a larger contextLength
 */
export class LightningError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "LightningError";
    this.code = code;
  }
}
