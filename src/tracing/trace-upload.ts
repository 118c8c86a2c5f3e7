// Frameworks that send what they saw of an agent to their maker, prompts and answers among it, without being asked to. From inside a rollout such
// an upload is answered here and goes nowhere; what a user has asked for by a setting (LangSmith, Langfuse) is none.

/** Whether a request is such an upload. */
export function isTraceUpload(request: {
  readonly method: string;
  readonly host: string;
  readonly path: string;
}): boolean {
  const { method, host, path } = request;
  const [bare = ""] = path.split("?", 1);
  return method.toUpperCase() === "POST" && kUploads.some(([to, at]) => to === host && at === bare);
}

/** What every uploader takes for success; none reads a body. */
export function uploadAnswer(): Response {
  return new Response(null, { status: 204 });
}

// --- internal ---

/** The tracing of @openai/agents, on unless OPENAI_AGENTS_DISABLE_TRACING is set. */
const kUploads: readonly (readonly [host: string, path: string])[] = [
  ["api.openai.com", "/v1/traces/ingest"],
];
