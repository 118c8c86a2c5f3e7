// The boundary between observing and answering: tracing sees a request that a client sends, a handler answers it. Ranks never meet.

/** A request that a client inside a rollout sent to a routed host. */
export interface ModelRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

/** Answers inside the process. The response may stream. */
export type ModelHandler = (request: ModelRequest) => Promise<Response>;

/** What tracing does with a request of a rollout: serve it here, let it pass and record it, or let it pass unseen. */
export type RouteAction = "serve" | "forward" | "ignore";
