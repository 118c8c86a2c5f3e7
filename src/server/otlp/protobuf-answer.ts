// The two protobuf messages that an OTLP server answers with.

/** opentelemetry...ExportTraceServiceResponse: empty when everything was kept, else partial_success. */
export function exportResponse(rejected: number, reason: string | null): Uint8Array {
  if (rejected === 0) return new Uint8Array();
  const partial = [...field(1, 0, varint(rejected)), ...text(2, reason ?? "")];
  return Uint8Array.from([...field(1, 2, varint(partial.length)), ...partial]);
}

/** google.rpc.Status with a code of google.rpc.Code; a code of 0 is left out, as protobuf does. */
export function rpcStatus(code: number, message: string): Uint8Array {
  return Uint8Array.from([...(code === 0 ? [] : field(1, 0, varint(code))), ...text(2, message)]);
}

// --- internal ---

function text(number: number, value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...field(number, 2, varint(bytes.length)), ...bytes];
}

function field(number: number, wireType: number, payload: readonly number[]): number[] {
  return [...varint(number * 8 + wireType), ...payload];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}
