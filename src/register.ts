// `node --import agentlightning/register agent.js`: the one place that patches other packages, so that agents' names, tool calls and queues of frameworks
// that tell nobody of them reach the rollout. docs/frameworks.md says what is patched.
import { kHooks, patchModules } from "./tracing/hooks/patch-modules.js";
import { createReceiver, kPatches } from "./tracing/hooks/receive-classes.js";

const holder = globalThis as { [key: symbol]: unknown };
const key = Symbol.for(kHooks);
// Once, also where two copies of the package are registered.
if (holder[key] === undefined) {
  holder[key] = createReceiver();
  patchModules(kPatches);
}
