// The public surface: explicit names only. Importing it never loads native code.
export { type ErrorCode, LightningError } from "./base/error.js";
