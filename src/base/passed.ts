// The mark of requests that are this package's own, or that tracing has looked at: they go their way.

/**
 * Key of a request's options, of undici and node:http; at a global symbol, so that copies of the package share it. It stays on copies of the
 * options: neither a wrapper of the wrapper nor an interceptor behind it makes the call a new one.
 */
export const kPassed = Symbol.for("agentlightning.passed");
