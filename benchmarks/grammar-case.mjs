// Eight samples, four of them under a schema or none, in turns; and fresh schemas compiled one after another.
//   node benchmarks/grammar-case.mjs '{"model":"large vocabulary","compute":"f32","rows":8,"steps":96,"repeats":3,"threads":2}'
// Prints one JSON line: tokens a second of each, seconds of each constrain.
import { freshTokens, openCase, printCase, timed } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const { model, rows, steps, repeats } = given;
const policy = await openCase(given, {
  contextLength: 256,
  cacheTokens: 8192,
  adapter: { rank: 16, alpha: 32 },
});

const item = {
  type: "object",
  properties: {
    name: { type: "string" },
    kind: { enum: ["red", "green", "blue"] },
    size: { type: "integer", minimum: 0, maximum: 5000 },
    tags: { type: "array", items: { type: "string", maxLength: 12 }, minItems: 1, maxItems: 4 },
  },
  required: ["name", "kind", "size", "tags"],
  additionalProperties: false,
};
// Long enough never to end.
const list = await policy.constrain({ type: "array", items: item, minItems: 1000 });
const constrain = [];
for (let i = 0; i < 20; i++) {
  const properties = {
    ...item.properties,
    [`note${i}`]: { type: "string", minLength: 1, maxLength: 50 + i },
  };
  constrain.push((await timed(() => policy.constrain({ ...item, properties }))).seconds);
}
await takeTurn(0, 16);
const turns = [];
for (let repeat = 1; repeat <= repeats; repeat++) turns.push(await takeTurn(repeat, steps));
await printCase(policy, { turns, constrain });

// --- internal ---

async function takeTurn(repeat, maxTokens) {
  const free = await tokensPerSecond(2 * repeat, maxTokens, 0);
  const held = await tokensPerSecond(2 * repeat + 1, maxTokens, rows / 2);
  return { free, held };
}

async function tokensPerSecond(seed, maxTokens, held) {
  const sample = (i) => {
    const asked = { prompt: freshTokens(model, rows * seed + i, 16), maxTokens, seed: i };
    return policy.sample(i < held ? { ...asked, constraint: list } : { ...asked, ignoreEos: true });
  };
  const { seconds, value } = await timed(() =>
    Promise.all(Array.from({ length: rows }, (_, i) => sample(i))),
  );
  const tokens = value.flat().reduce((sum, choice) => sum + choice.tokens.length, 0);
  if (tokens !== rows * maxTokens) throw new Error(`expected ${rows * maxTokens} tokens, got ${tokens}`);
  return tokens / seconds;
}
