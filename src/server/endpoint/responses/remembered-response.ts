// Questions about answers of this rollout: GET and DELETE /v1/responses/ID, and ID's input items. Ids that are not ours are the provider's concern.
import type { ModelRequest } from "../../../types/model-call.js";
import type { ItemMemory } from "../item-memory.js";
import { RequestError } from "../request-error.js";
import { recall } from "./response-memory.js";

/** @throws RequestError 404 where nothing is remembered, or no such question is served */
export function rememberedResponse({ method, url }: ModelRequest, memory: ItemMemory): unknown {
  const { pathname } = new URL(url);
  const [, id = "", question = ""] = kPath.exec(pathname) ?? [];
  const known = recall(memory, id);
  if (known === undefined)
    throw new RequestError(404, `expected a response of this rollout, got ${id}`, null, "not_found");
  if (method === "GET" && question === "") return known.response;
  if (method === "GET" && question === "/input_items")
    return { object: "list", data: known.input.toReversed(), has_more: false };
  if (method === "DELETE" && question === "") {
    memory.delete(id);
    return { id, object: "response", deleted: true };
  }
  const message = `${method} ${pathname} is not served by the policy; of a response it serves GET, GET .../input_items and DELETE`;
  throw new RequestError(404, message, null, "unsupported_route");
}

// --- internal ---

const kPath = /\/responses\/(resp_agl_[^/]+)(\/[^/]+)?\/?$/;
