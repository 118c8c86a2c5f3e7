// Questions to a calculator: four phrasings for each tool, operands 0 to 20 in words or digits. A pair of operands belongs to training
// or to the held-out questions, never to both.
import { runTool, toolNames } from "./tools.js";

/** `A` and `B` stand for the operands. */
export const phrasings = {
  add: ["what is A plus B ?", "add A and B", "the sum of A and B", "A more than B"],
  subtract: ["what is A minus B ?", "A take away B", "reduce A by B", "A less B"],
  multiply: ["what is A times B ?", "multiply A by B", "the product of A and B", "A groups of B"],
  larger: [
    "the larger of A and B",
    "which is bigger , A or B ?",
    "the maximum of A and B",
    "the greater of A and B",
  ],
  smaller: [
    "the smaller of A and B",
    "which is less , A or B ?",
    "the minimum of A and B",
    "the lower of A and B",
  ],
  distance: [
    "how far is A from B ?",
    "the distance between A and B",
    "the gap between A and B",
    "how far apart are A and B ?",
  ],
};

export const numberWords =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );

/** A small counter-based generator of numbers in [0, 1): the same seed, the same questions. */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const pick = (random, list) => list[Math.floor(random() * list.length)];

export const isHeldOut = (a, b) => (a * 8 + b * 5) % 7 === 0;

/** A random question whose operands are held out, or are not. */
export function randomQuestion(random, { heldOut }) {
  let a = 0;
  let b = 0;
  do {
    a = Math.floor(random() * 21);
    b = Math.floor(random() * 21);
  } while (isHeldOut(a, b) !== heldOut);
  return question(random, pick(random, toolNames), Math.floor(random() * 4), a, b);
}

/** `count` held-out questions, every phrasing equally often. */
export function heldOutQuestions(count, seed = 12345) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const { a, b } = randomQuestion(random, { heldOut: true });
    return question(random, toolNames[i % 6], Math.floor(i / 6) % 4, a, b);
  });
}

function question(random, tool, phrasing, a, b) {
  const written = (n) => (random() < 0.5 ? String(n) : numberWords[n]);
  const text = phrasings[tool][phrasing].replace("A", written(a)).replace("B", written(b));
  return { text, tool, phrasing, a, b, answer: runTool(tool, { a, b }) };
}
