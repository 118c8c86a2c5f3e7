// The body of a request as JSON, or a 400 that says why it is none.
import type { ModelRequest } from "../../types/model-call.js";
import { isNestedTooDeep, kMaxDepth } from "../http/json-depth.js";
import { badRequest } from "./request-error.js";

/** @throws RequestError */
export function jsonBody({
  body,
  headers,
  parsed,
}: Pick<ModelRequest, "body" | "headers" | "parsed">): unknown {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    throw badRequest(`expected the body without content-encoding, got ${encoding}`, null);
  // Text that was no UTF-8 has this mark: then it is read again, strictly.
  if (parsed !== undefined && !parsed.text.includes("\ufffd") && !isNestedTooDeep(parsed.text))
    return parsed.value;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    if (!isNestedTooDeep(text)) return JSON.parse(text);
  } catch {
    throw badRequest("expected the body to be JSON", null);
  }
  throw badRequest(`expected JSON nested at most ${kMaxDepth} deep`, null);
}
