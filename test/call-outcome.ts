import { expect } from "vitest";

/** What a call gives, or throws: at once or later. */
export async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

/** A LightningError about an argument. */
export function refused(message: RegExp): unknown {
  return expect.objectContaining({
    name: "LightningError",
    code: "E_ARGUMENT",
    message: expect.stringMatching(message),
  });
}
