// Whether a tool's answer says that it failed: there is no field for it in chat messages, so frameworks write it into the content.
import { toJsonValue } from "../base/json-value.js";

/**
 * Text that begins as errors are told ("Error: ...", "TypeError: ...", "An error occurred ...", a Python traceback), or a JSON object that says
 * so: `error` that is not empty, `isError` or `is_error`, `success` or `ok` that is false, a `status` of "error", an exit code that is not 0.
 */
export function isToolError(content: string): boolean {
  if (kErrorText.test(content)) return true;
  const value = content.trimStart().startsWith("{") ? toJsonValue(content) : undefined;
  if (typeof value !== "object" || value === null) return false;
  const { error, isError, is_error, success, ok, status, exitCode, exit_code } = Object(value);
  return (
    (error !== undefined && error !== null && error !== false && error !== "") ||
    [isError, is_error].includes(true) ||
    [success, ok].includes(false) ||
    status === "error" ||
    [exitCode, exit_code].some((code) => typeof code === "number" && code !== 0)
  );
}

// --- internal ---

const kErrorText =
  /^\s*(?:[[<(]?error(?:[\]>):!]|\s*$)|an (?:unexpected )?error (?:occurred|has occurred)|traceback \(most recent call last\)|(?:[\w.]+(?:error|exception)):)/i;
