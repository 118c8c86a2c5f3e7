// Who makes a model call, on the call itself: the enclosing span as W3C's `traceparent` (https://www.w3.org/TR/trace-context/) and the agent's
// name. What one process writes, the endpoint that records the call in another one reads.
import { currentContext } from "./context.js";

/** The agent's name, percent-encoded. */
export const kAgentHeader = "x-agl-agent";

/** Of a call that the running code makes; empty outside a rollout. */
export function callerHeaders(): Readonly<Record<string, string>> {
  const { traceId, parentId, agent } = currentContext() ?? {};
  return {
    ...(traceId && parentId ? { traceparent: `00-${traceId}-${parentId}-01` } : {}),
    // Names are text of any kind, headers are not.
    ...(agent ? { [kAgentHeader]: encodeURIComponent(agent) } : {}),
  };
}
