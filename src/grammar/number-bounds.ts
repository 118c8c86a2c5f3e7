// Numbers between two bounds as automata over their JSON spelling. A text is compared with a bound digit by digit:
//   whole part    the longer is the greater; of equal length, the first digit that differs decides
//   fraction      the first digit that differs decides
// Reading a text as a double is monotonic, so that what is between inclusive bounds as a decimal is so as a number.
import { type Automaton, combineAutomata, exploreAutomaton, type Opened } from "./automaton.js";
import { type Decimal, nextNumber, toDecimal } from "./decimal.js";
import { minimiseAutomaton } from "./minimise.js";
import { kMostStates, regexToAutomaton } from "./regex.js";

export interface NumberBounds {
  readonly isInteger: boolean;
  /** Inclusive; null is without bound. */
  readonly min: number | null;
  readonly max: number | null;
  /** A whole number above 0, of integers alone. */
  readonly multipleOf: number | null;
}

/**
 * Whole numbers have at most 21 digits (15 where a divisor is asked for) unless their bound has more; fractions at most 24, unless a bound has more.
 * Tiny and huge numbers of any kind may be written with an exponent where the bounds hold for all of them.
 * @returns undefined when the automaton is too large
 */
export function numberAutomaton(bounds: NumberBounds): Automaton | undefined {
  const plain = plainAutomaton(bounds);
  if (plain === undefined || bounds.isInteger)
    return plain === undefined ? undefined : minimiseAutomaton(plain);
  const { min, max } = { min: bounds.min ?? -Infinity, max: bounds.max ?? Infinity };
  const exponents = [
    ...(max >= kTiny && min <= 0 ? [kTinyText] : []),
    ...(min <= -kTiny && max >= 0 ? [`-${kTinyText}`] : []),
    ...(max >= kHuge && min <= 1e21 ? [kHugeText] : []),
    ...(min <= -kHuge && max >= -1e21 ? [`-${kHugeText}`] : []),
  ];
  if (exponents.length === 0) return minimiseAutomaton(plain);
  const spelled = regexToAutomaton(`^(?:${exponents.join("|")})$`, (why) => {
    throw new RangeError(why);
  });
  const both = combineAutomata(plain, spelled, "either", kMostStates);
  return both === undefined ? undefined : minimiseAutomaton(both);
}

/** Exclusive bounds as inclusive ones: the neighbour. */
export function above(bound: number): number {
  return nextNumber(bound);
}

export function below(bound: number): number {
  return -nextNumber(-bound);
}

// --- internal ---

const kTiny = 1e-6;
const kTinyText = "[1-9](?:\\.\\d{1,17})?e-(?:[7-9]|[1-9]\\d|[12]\\d\\d|3[01]\\d|32[0-3])";
const kHuge = 1e287;
const kHugeText = "[1-9](?:\\.\\d{1,20})?e\\+(?:2[1-9]|[3-9]\\d|1\\d\\d|2[0-7]\\d|28[0-6])";
const kMostWhole = 21;
const kMostWholeDivided = 15;
const kMostFraction = 24;

/** What a sign allows: numbers without sign from `low` to `high`. */
interface Side {
  readonly low: Decimal;
  readonly high: Decimal;
  /** There is no far bound but that of the digits' number. */
  readonly isOpen: boolean;
}

type State =
  | { readonly at: "start" }
  | { readonly at: "sign"; readonly side: Side }
  | {
      readonly at: "whole" | "point" | "fraction";
      readonly side: Side;
      /** Digits read of this part. */
      readonly read: number;
      /** How what has been read compares with the same digits of the bounds: -1, 0, 1. */
      readonly low: number;
      readonly high: number;
      readonly remainder: number;
      readonly isZero: boolean;
    };

function plainAutomaton(bounds: NumberBounds): Automaton | undefined {
  const positive = sideOf(bounds, false);
  const negative = sideOf(bounds, true);
  const divisor = bounds.multipleOf ?? 1;
  const open = (state: State): Opened<State> => {
    if (state.at === "start") {
      const signed: [number, number, State][] = negative
        ? [[0x2d, 0x2d, { at: "sign", side: negative }]]
        : [];
      return { accepts: false, edges: [...signed, ...(positive ? firstDigits(positive, divisor) : [])] };
    }
    if (state.at === "sign") return { accepts: false, edges: firstDigits(state.side, divisor) };
    if (state.at === "whole") return openWhole(state, bounds.isInteger, divisor);
    return openFraction(state);
  };
  return exploreAutomaton<State>({ at: "start" }, (state) => keyOf(state, negative), open, kMostStates);
}

function keyOf(state: State, negative: Side | undefined): string {
  if (state.at === "start") return "start";
  const sign = state.side === negative ? "-" : "+";
  if (state.at === "sign") return sign;
  return `${sign}${state.at} ${state.read} ${state.low} ${state.high} ${state.remainder} ${state.isZero}`;
}

function sideOf({ isInteger, min, max, multipleOf }: NumberBounds, isNegative: boolean): Side | undefined {
  const [near, far] = isNegative ? [max, min] : [min, max];
  const sign = isNegative ? -1 : 1;
  const lowest = Math.max(isNegative && isInteger ? 1 : 0, near === null ? 0 : near * sign);
  const low = toDecimal(isInteger ? Math.ceil(lowest) : lowest);
  const nines = "9".repeat(multipleOf === null ? kMostWhole : kMostWholeDivided);
  if (far === null) {
    const whole = low.whole.length > nines.length ? "9".repeat(low.whole.length) : nines;
    return { low, high: { isNegative: false, whole, fraction: "" }, isOpen: true };
  }
  const highest = isInteger ? Math.floor(far * sign) : far * sign;
  return highest < 0 || highest < lowest ? undefined : { low, high: toDecimal(highest), isOpen: false };
}

type Digits = State & { at: "whole" | "point" | "fraction" };

function firstDigits(side: Side, divisor: number): [number, number, State][] {
  const low = side.low.whole === "0" && side.low.fraction === "" ? 1 : 0;
  const high = side.isOpen ? -1 : 0;
  return wholeDigits({ at: "whole", side, read: 0, low, high, remainder: 0, isZero: false }, divisor);
}

function wholeDigits(state: Digits, divisor: number): [number, number, State][] {
  const { side, read } = state;
  if (read >= side.high.whole.length || state.isZero) return [];
  const first = read === 0 ? ["0"] : [];
  return digitGroups(divisor > 1, [side.low.whole[read], side.high.whole[read], ...first]).map(
    ([digit, last]) => {
      const next: Digits = {
        ...state,
        read: read + 1,
        low: state.low !== 0 ? state.low : compare(digit, side.low.whole[read]),
        high: state.high !== 0 ? state.high : compare(digit, side.high.whole[read]),
        remainder: (state.remainder * 10 + digit) % divisor,
        isZero: read === 0 && digit === 0,
      };
      return [0x30 + digit, 0x30 + last, next];
    },
  );
}

function openWhole(state: Digits, isInteger: boolean, divisor: number): Opened<State> {
  const { side, read } = state;
  const low = read === side.low.whole.length ? state.low : Math.sign(read - side.low.whole.length);
  const high = read === side.high.whole.length ? state.high : Math.sign(read - side.high.whole.length);
  const isEnough = low > 0 || (low === 0 && side.low.fraction === "");
  const point: State = { ...state, at: "point", read: 0, low, high };
  const edges: [number, number, State][] = isInteger || low < 0 || high > 0 ? [] : [[0x2e, 0x2e, point]];
  return {
    accepts: isEnough && high <= 0 && state.remainder === 0,
    edges: [...edges, ...wholeDigits(state, divisor)],
  };
}

function openFraction(state: Digits): Opened<State> {
  const { side, read } = state;
  const [low, high] = [side.low.fraction, side.high.fraction];
  const edges: [number, number, State][] = [];
  if (read < Math.max(kMostFraction, low.length + 1, high.length + 1))
    for (const [digit, last] of digitGroups(false, [low[read] ?? "0", high[read] ?? "0"])) {
      const toLow = state.low !== 0 ? state.low : compare(digit, low[read] ?? "0");
      const toHigh = state.high !== 0 ? state.high : compare(digit, high[read] ?? "0");
      if (toLow < 0 || toHigh > 0) continue;
      edges.push([
        0x30 + digit,
        0x30 + last,
        { ...state, at: "fraction", read: read + 1, low: toLow, high: toHigh },
      ]);
    }
  return { accepts: state.at === "fraction" && (state.low > 0 || read >= low.length), edges };
}

/** The digits in groups that compare alike with the digits of the bounds: each is alone. */
function digitGroups(isEach: boolean, borders: readonly (string | undefined)[]): [number, number][] {
  const alone = borders.map(Number);
  const groups: [number, number][] = [];
  for (let digit = 0; digit <= 9; digit++) {
    const last = groups.at(-1);
    const joins = last !== undefined && !isEach && !alone.includes(digit) && !alone.includes(last[1]);
    if (joins) last[1] = digit;
    else groups.push([digit, digit]);
  }
  return groups;
}

/** A digit with that of a bound; past the bound's end the length decides, not the digit. */
function compare(digit: number, bound: string | undefined): number {
  return bound === undefined ? 0 : Math.sign(digit - Number(bound));
}
