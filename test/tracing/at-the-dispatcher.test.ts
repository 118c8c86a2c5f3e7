// The laws of interception where somebody has wrapped fetch before: their wrapper sees each call, so it is answered at the dispatcher and not before.
const native = globalThis.fetch;
let seen = 0;
globalThis.fetch = (input, init) => {
  seen += 1;
  return native(input, init);
};
const { afterAll, expect } = await import("vitest");
await import("./interception.test.js");
await import("./named-calls.test.js");

afterAll(() => expect(seen).toBeGreaterThan(50));
