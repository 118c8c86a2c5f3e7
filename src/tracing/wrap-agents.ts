// Model calls of node:http and node:https clients: every agent that is Node's own or derives from it hands each request to `addRequest`, which is wrapped
// while rollouts run. What a rollout wants to see gets no connection to its host but one to a server in this process, so that Node's own client and
// parser do what they always do; behind that server it is treated as at a dispatcher.
import http, { type Agent, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { kPassed } from "../base/passed.js";
import { currentContext, runInContext } from "./context.js";
import type { DispatchHandler } from "./dispatcher.js";
import { findCall, type RefusedCall, type RolloutCall } from "./find-call.js";
import { takeOver } from "./intercept.js";
import { type AgentOptions, passThroughAgent } from "./pass-through-agent.js";
import { withoutName } from "./rollout-name.js";
import { createSocketPair, type InProcessSocket } from "./socket-pair.js";

/** @returns takes the wrapper away; one that someone has wrapped in turn stays and lets all pass */
export function wrapAgents(): () => void {
  const prototype = http.Agent.prototype as { addRequest?: AddRequest };
  const original = prototype.addRequest;
  // As on Bun, whose node:http is another.
  if (typeof original !== "function") return () => undefined;
  let isWanted = true;
  const wrapped: AddRequest = function (request, options, ...more) {
    if (!isWanted || !take(this, request, options))
      Reflect.apply(original, this, [request, options, ...more]);
  };
  prototype.addRequest = wrapped;
  return () => {
    isWanted = false;
    if (prototype.addRequest === wrapped) prototype.addRequest = original;
  };
}

/** Whether a request is answered or passed on in this process. */
export function isTaken(request: object): boolean {
  return kTaken in request;
}

// --- internal ---

type AddRequest = (this: Agent, request: ClientRequest, options: AgentOptions, ...more: unknown[]) => void;

/** What Node's types leave out. */
interface AgentRequest extends ClientRequest {
  readonly timeout?: number;
}

const kTaken = Symbol.for("agentlightning.taken");
/** As much as a provider takes, and more. */
const kMaxHeaderSize = 1 << 20;

/** @returns false when the request goes its way */
function take(agent: Agent, request: AgentRequest, options: AgentOptions): boolean {
  if (options[kPassed] === true) return false;
  const { method, path, protocol } = request;
  const isWritten = Array.isArray(options.headers);
  const headers: unknown = isWritten ? options.headers : request.getHeaders();
  const origin = `${protocol}//${String(request.getHeader("host") ?? request.host)}`;
  const found = findCall({ method, path, headers, origin });
  if (found === undefined || !isWanted(found)) return false;
  const caller = currentContext();
  const { near, far } = createSocketPair((callback) => runInContext(caller, callback));
  Reflect.set(request, kTaken, true);
  const answer = (incoming: IncomingMessage, response: ServerResponse): void => {
    const head = { origin, method, path, headers: withoutName(incoming.headers) };
    const next = passThroughAgent(agent, protocol, options);
    takeOver({ found, caller, next, options: { ...head, body: incoming }, client: toClient(response, near) });
  };
  const server = http.createServer({ maxHeaderSize: kMaxHeaderSize, requireHostHeader: false }, answer);
  server.keepAliveTimeout = 0;
  server.emit("connection", far);
  connect(request, near);
  return true;
}

/** Not what goes to a host that is not routed, which passes with a warning. */
function isWanted(found: RolloutCall | RefusedCall): boolean {
  if ("refusal" in found || found.by === "name" || found.api === undefined) return true;
  const action = found.context.scope.route(found.sent.host, null);
  return action === "serve" || action === "forward";
}

function connect(request: AgentRequest, near: InProcessSocket): void {
  if (request.protocol === "https:") Object.assign(near, { encrypted: true, authorized: true });
  // The agent would keep it for the next request.
  near.once("free", () => near.destroy());
  request.onSocket(near);
  if (request.timeout !== undefined) near.setTimeout(request.timeout);
}

function toClient(response: ServerResponse, near: InProcessSocket): DispatchHandler {
  response.sendDate = false;
  return {
    onRequestStart: (controller) => {
      const leave = (): void => {
        if (!response.writableFinished) controller.abort();
      };
      if (response.closed) leave();
      else response.once("close", leave);
    },
    onResponseStart: (_controller, status, headers, statusText) => {
      response.writeHead(status, statusText || http.STATUS_CODES[status], headers);
      response.flushHeaders();
    },
    onResponseData: (controller, chunk) => {
      if (response.write(chunk)) return;
      controller.pause();
      response.once("drain", () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError: (_controller, error) => void near.destroy(error),
  };
}
