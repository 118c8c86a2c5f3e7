// ExportTraceServiceRequests as the Python exporter writes them: one resource with the rollout's ids, one scope, spans with attributes.
// Values are such that a span of 32 attributes has the size the reference was measured with, about 4.8 kB.

/**
 * @param {{ spans: number, attributes: number, rolloutId: string, attemptId: string }} shape
 * @returns {{ body: Buffer, spanIds: number[] }} the request, and where the span ids (8 bytes each) lie in it
 */
export function traceRequest({ spans, attributes, rolloutId, attemptId }) {
  const resource = message(1, [
    ...attribute(1, "service.name", "agent"),
    ...attribute(1, "agentlightning.rollout_id", rolloutId),
    ...attribute(1, "agentlightning.attempt_id", attemptId),
  ]);
  const list = [];
  for (let i = 0; i < spans; i++) list.push(...message(2, span(i, attributes)));
  const scopes = message(2, [...message(1, text(1, "benchmark")), ...list]);
  const body = Buffer.from(message(1, [...resource, ...scopes]));
  const spanIds = [];
  for (let at = body.indexOf(kSpanId); at >= 0; at = body.indexOf(kSpanId, at + 8)) spanIds.push(at);
  return { body, spanIds };
}

// --- internal ---

const kSpanId = Buffer.from("fedcba9876543210", "hex");

function span(index, attributes) {
  const start = 1_795_000_000_000_000_000n + BigInt(index) * 1_000_000n;
  const out = [
    ...bytes(1, Buffer.alloc(16, 0x11)),
    ...bytes(2, kSpanId),
    ...bytes(4, Buffer.alloc(8, 0x22)),
    ...text(5, "openai.chat.completion"),
    ...varint((6 << 3) + 0),
    ...varint(3),
    ...fixed64(7, start),
    ...fixed64(8, start + 500_000n),
    ...message(15, [...varint((3 << 3) + 0), ...varint(1)]),
    ...attribute(9, "agentlightning.span_sequence_id", index + 1),
  ];
  for (let i = 1; i < attributes; i++) {
    const name = `gen_ai.prompt.${i}.content`;
    if (i % 4 === 0) out.push(...attribute(9, `gen_ai.usage.number_${i}`, 1000 * i + index));
    else if (i % 8 === 1) out.push(...attribute(9, `gen_ai.request.share_${i}`, 0.25 + i));
    else
      out.push(...attribute(9, name, `span ${index}: ${"some text of a message. ".repeat(8)}`.slice(0, 180)));
  }
  return out;
}

function attribute(field, name, value) {
  const any =
    typeof value === "string"
      ? text(1, value)
      : Number.isInteger(value)
        ? [...varint(3 << 3), ...varint(value)]
        : [(4 << 3) + 1, ...Buffer.from(new Float64Array([value]).buffer)];
  return message(field, [...text(1, name), ...message(2, any)]);
}

function message(field, payload) {
  return [...varint((field << 3) + 2), ...varint(payload.length), ...payload];
}

function bytes(field, buffer) {
  return message(field, [...buffer]);
}

function text(field, value) {
  return bytes(field, Buffer.from(value));
}

function fixed64(field, value) {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(value);
  return [...varint((field << 3) + 1), ...buffer];
}

function varint(value) {
  const out = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  return [...out, rest];
}
