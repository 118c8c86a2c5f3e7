// The entry point agentlightning/testing: laws and checks for what third parties write. Needs no test runner by itself.

export { type CheckLossOptions, checkLoss } from "./policy/losses/check-loss.js";
export { storeLaws, type TestRunner } from "./store/laws.js";
