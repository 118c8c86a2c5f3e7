// Random texts of a grammar: the reference matcher's steps, drawn with a fixed seed; after a while each step is one that comes nearer to an end.
import type { Item, ReferenceMatcher, Stack, Step } from "./reference-matcher.js";

export type Random = () => number;

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param free  code points that are drawn before the walk makes for an end
 */
export function randomText(matcher: ReferenceMatcher, random: Random, free: number): string {
  let stacks: ReadonlySet<Stack> = matcher.start();
  let text = "";
  for (let count = 0; ; count++) {
    const { steps, mayEnd } = matcher.next(stacks);
    const isHome = count >= free;
    if (mayEnd && (isHome || steps.length === 0 || random() < 0.1)) return text;
    if (steps.length === 0 || count > free + 4000)
      throw new Error(`a walk without an end: ${text.slice(0, 200)}`);
    const step = isHome ? nearest(matcher, steps) : pick(steps, random);
    const point = draw(step, random);
    text += String.fromCodePoint(point);
    stacks = matcher.advance(stacks, point satisfies Item);
  }
}

// --- internal ---

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)]!;
}

function nearest(matcher: ReferenceMatcher, steps: readonly Step[]): Step {
  const distances = steps.map(({ to }) => matcher.distance(to));
  return steps[distances.indexOf(Math.min(...distances))]!;
}

/** ASCII three times in four where the range holds some. */
function draw({ on }: Step, random: Random): number {
  if ("token" in on) throw new Error("no text has tokens");
  const to = random() < 0.75 ? Math.max(on[0], Math.min(on[1], 0x7e)) : on[1];
  return on[0] + Math.floor(random() * (to - on[0] + 1));
}
