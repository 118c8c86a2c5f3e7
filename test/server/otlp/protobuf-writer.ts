// Protobuf by its specification, for requests that tests send: varints, fixed 64, length-delimited fields.

export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

export function message(field: number, payload: readonly number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(payload.length), ...payload];
}

export function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

export function hex(field: number, value: string): number[] {
  return message(field, [...Buffer.from(value, "hex")]);
}

export function int(field: number, value: number | bigint): number[] {
  return [...varint(field << 3), ...varint(value)];
}

export function fixed64(field: number, value: bigint): number[] {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(value);
  return [...varint((field << 3) | 1), ...buffer];
}

export function double(field: number, value: number): number[] {
  return [...varint((field << 3) | 1), ...Buffer.from(new Float64Array([value]).buffer)];
}

/** A KeyValue of an AnyValue's bytes. */
export function attribute(field: number, name: string, any: readonly number[]): number[] {
  return message(field, [...text(1, name), ...message(2, any)]);
}

export interface SpanBytes {
  readonly spanId?: string;
  readonly traceId?: string;
  readonly name?: string;
  readonly attributes?: readonly (readonly number[])[];
  readonly more?: readonly number[];
}

export function spanBytes({
  spanId = "00000000000000a1",
  traceId = "f".repeat(32),
  ...rest
}: SpanBytes): number[] {
  return [
    ...hex(1, traceId),
    ...hex(2, spanId),
    ...text(5, rest.name ?? "step"),
    ...(rest.attributes ?? []).flatMap((any) => message(9, any)),
    ...(rest.more ?? []),
  ];
}

/** A request with one resource and one scope. */
export function requestBytes(
  resource: Readonly<Record<string, string>>,
  spans: readonly (readonly number[])[],
): Uint8Array<ArrayBuffer> {
  const attributes = Object.entries(resource).flatMap(([name, value]) => attribute(1, name, text(1, value)));
  const scope = spans.flatMap((span) => message(2, span));
  return Uint8Array.from(message(1, [...message(1, attributes), ...message(2, scope)]));
}
