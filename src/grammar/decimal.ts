// Numbers as decimals: the shortest text that reads as the same number, and its neighbours.

export interface Decimal {
  readonly isNegative: boolean;
  readonly whole: string;
  /** Without trailing zeros; of a whole number, empty. */
  readonly fraction: string;
}

/** The shortest spelling, without an exponent. */
export function toDecimal(value: number): Decimal {
  const [mantissa = "", exponent = "0"] = String(Math.abs(value)).split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  const padded = point > 0 ? digits.padEnd(point, "0") : digits.padStart(digits.length + 1 - point, "0");
  const at = Math.max(point, 1);
  return {
    isNegative: value < 0,
    whole: padded.slice(0, at).replace(/^0+(?=\d)/, ""),
    fraction: padded.slice(at).replace(/0+$/, ""),
  };
}

/** The next number above; of the largest, Infinity. */
export function nextNumber(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return view.getFloat64(0);
}
