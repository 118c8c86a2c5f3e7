// The addon's maker of constraints, part of the contract in binding.ts.

/** Token t is bytes[offsets[t] .. offsets[t + 1]); special tokens are no text, and the model names `outputs` tokens. */
export interface NativeVocabulary {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
  readonly special: Int32Array;
  readonly outputs: number;
}

export interface NativeConstraint {
  /** For NativeSampleRequest.constraint, of any engine of a model with this vocabulary; freed with it. */
  readonly handle: unknown;
  readonly bytes: number;
}

/** Makes constraints, one after another, on a thread of its own. Promises reject as an engine's. */
export interface NativeConstraints {
  /** A grammar as numbers (native/sample/grammar/grammar.h). */
  make(grammar: Int32Array): Promise<NativeConstraint>;
  /** Rejects what waits, joins the thread. Idempotent. */
  close(): void;
}
