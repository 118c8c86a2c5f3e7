/// <reference lib="esnext.disposable" preserve="true" />
// The entry point agentlightning/testing: laws and checks for what third parties write. Needs no test runner by itself.

export { type CheckLossOptions, checkLoss } from "./policy/losses/check-loss.js";
export type { Expect } from "./store/laws/law.js";
export { storeLaws, type TestRunner } from "./store/laws.js";
