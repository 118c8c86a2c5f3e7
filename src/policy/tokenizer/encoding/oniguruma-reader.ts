// The state of reading a pattern of Oniguruma, and the error of one that is not understood.

export interface Reader {
  readonly characters: readonly string[];
  at: number;
  /** Atomic groups so far: each needs a name of its own. */
  atoms: number;
}

/** The message names the part of the pattern. */
export class UnsupportedPattern extends Error {
  constructor(part: string) {
    super(`${part}, which is not supported in a regular expression`);
    this.name = "UnsupportedPattern";
  }
}
