// A request as a client sent it, for tests of what a dialect reads from it.
import type { ModelRequest } from "../../../src/types/model-call.js";

export function wireRequest(path: string, body: unknown): ModelRequest {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    ...{ method: "POST", url: `https://provider.example${path}`, headers: {} },
    ...{ body: new TextEncoder().encode(text), signal: new AbortController().signal },
  };
}
