// Text that may be JSON: what somebody else wrote, where anything may stand.

/** What survives JSON as it is. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** @returns what JSON.parse gives; undefined, which no JSON is, for text that is none */
export function toJsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
