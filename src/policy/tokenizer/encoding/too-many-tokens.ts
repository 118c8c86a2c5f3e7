// A text that cannot fit: how an encoding says that its text takes more tokens than were allowed.
import { LightningError } from "../../../base/error.js";

/** Thrown by `Tokenizer.encodeAsync`; code E_ARGUMENT. */
export class TooManyTokensError extends LightningError {
  /** As many tokens were allowed. */
  readonly most: number;
  /** As many the text takes or more: it need not have been encoded to its end. */
  readonly atLeast: number;

  constructor(most: number, atLeast: number) {
    const got = `a text of at least ${atLeast}`;
    super("E_ARGUMENT", `tokenizer.encodeAsync: expected at most ${most} tokens, got ${got}; shorten it`);
    this.most = most;
    this.atLeast = atLeast;
  }
}
