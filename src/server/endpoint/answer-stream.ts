// How answers are streamed in most dialects.

/** Of server-sent events. */
export const kEventStream = "text/event-stream; charset=utf-8";
