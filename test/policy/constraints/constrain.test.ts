import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Grammar, GrammarNode } from "../../../src/grammar/grammar.js";
import type { Constraint } from "../../../src/policy/constraints/constraint.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import type { Policy, SampledChoice } from "../../../src/policy/policy.js";
import { createReferenceMatcher } from "../../grammar/reference-matcher.js";
import { qwen2 } from "../fixture-models.js";

// Constraints behind the facade, on a real engine; what masks allow is a native law.
const options = { contextLength: 256, cacheTokens: 8192, adapter: `${qwen2}/adapter` } as const;
const prompt = [5, 17, 300, 42];
let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(qwen2, options);
});
afterAll(() => policy.close());

const text = (value: string): GrammarNode => ({ kind: "text", text: value });
const sequence = (...nodes: GrammarNode[]): GrammarNode => ({ kind: "sequence", nodes });
const choice = (...nodes: GrammarNode[]): GrammarNode => ({ kind: "choice", nodes });
const repeat = (node: GrammarNode, min: number, max: number | null): GrammarNode => ({
  kind: "repeat",
  node,
  min,
  max,
});
const characters = (...ranges: [number, number][]): GrammarNode => ({ kind: "class", ranges });
const digits = repeat(characters([0x30, 0x39]), 1, 3);
const plain = characters([0x20, 0x21], [0x23, 0x5b], [0x5d, 0xd7ff], [0xe000, 0x10ffff]);
const word = sequence(text('"'), repeat(plain, 0, 6), text('"'));

// A colour, a number, up to three of them nested, a short string of any characters.
const record: Grammar = {
  rules: [
    sequence(
      text('{"colour": "'),
      choice(text("red"), text("green"), text("grey")),
      text('", "n": '),
      digits,
      text(', "list": '),
      { kind: "rule", rule: 1 },
      text(', "s": '),
      word,
      text("}"),
    ),
    sequence(
      text("["),
      choice(digits, { kind: "rule", rule: 1 }),
      repeat(sequence(text(", "), digits), 0, 2),
      text("]"),
    ),
  ],
};

const decoder = new TextDecoder("utf-8", { fatal: true });
function textOf({ tokens }: SampledChoice): string {
  const own = [...tokens].filter((id) => !policy.config.eosTokenIds.includes(id));
  return decoder.decode(Buffer.concat(own.map((id) => policy.tokenizer.bytesOf(id))));
}

describe("sampling under a constraint", () => {
  it("writes texts of the grammar at temperature 2, in valid UTF-8, and stops by an end token", async () => {
    const constraint = await policy.constrain(record);
    const reference = createReferenceMatcher(record);
    const choices = await policy.sample({ prompt, n: 200, temperature: 2, constraint, seed: 1 });
    const ended = choices.filter(({ finishReason }) => finishReason === "stop");
    expect(ended.length).toBeGreaterThan(100);
    for (const each of ended) {
      expect(policy.config.eosTokenIds).toContain(each.tokens.at(-1));
      expect(reference.accepts(textOf(each))).toBe(true);
    }
  });

  it.each([
    ["greedy", { temperature: 0 }],
    ["the likeliest three", { topK: 3 }],
    ["a nucleus", { topP: 0.5, temperature: 1.5 }],
    ["those half as likely", { minP: 0.5 }],
  ])("filters what the grammar leaves: %s", async (_name, filter) => {
    const constraint = await policy.constrain(record);
    const choices = await policy.sample({ prompt, n: 8, constraint, seed: 2, ...filter });
    for (const each of choices) {
      if (each.finishReason === "stop")
        expect(createReferenceMatcher(record).accepts(textOf(each))).toBe(true);
      else expect(each.finishReason).toBe("length");
    }
  });

  it("keeps the log-probabilities of the whole distribution, and tells what it allowed of it", async () => {
    const constraint = await policy.constrain({ rules: [choice(text("0"), text("1"))] });
    const [answer] = await policy.sample({ prompt, constraint, temperature: 0.8, seed: 3 });
    if (answer === undefined) throw new Error("expected an answer");
    const [scores] = await policy.score([[...prompt, ...answer.tokens]], { temperature: 0.8 });
    expect([...answer.logprobs]).toEqual([...(scores?.logprobs.slice(prompt.length - 1) ?? [])]);
    const ids = ["0", "1"].map((digit) => policy.tokenizer.encode(digit)[0] ?? -1);
    const both = await policy.score(
      ids.map((id) => [...prompt, id]),
      { temperature: 0.8 },
    );
    const mass = both.reduce((sum, { logprobs }) => sum + Math.exp(logprobs.at(-1) ?? 0), 0);
    expect(answer.mass?.[0]).toBeCloseTo(mass, 6);
    expect(answer.forced).toEqual([1]);
    expect(answer.mass).toHaveLength(2);
  });

  it("names the tokens that were no choice: a text that is spelt in one way, and the end", async () => {
    const constraint = await policy.constrain({ rules: [text("é")] });
    const [answer] = await policy.sample({ prompt, constraint, seed: 4 });
    expect(answer?.finishReason).toBe("stop");
    expect(answer?.forced?.at(-1)).toBe((answer?.tokens.length ?? 0) - 1);
    const [without] = await policy.sample({ prompt, maxTokens: 2, seed: 4 });
    expect([without?.forced, without?.mass]).toEqual([undefined, undefined]);
  });

  it("begins once the text before it has been written, and masks nothing until then", async () => {
    const constraint = await policy.constrain({ rules: [sequence(text("="), digits)] });
    const free = await policy.sample({ prompt, n: 100, seed: 5, maxTokens: 60, temperature: 2 });
    const held = await policy.sample({
      prompt,
      n: 100,
      seed: 5,
      maxTokens: 60,
      temperature: 2,
      constraint,
      constraintAfter: "e",
    });
    let begun = 0;
    for (const [i, each] of held.entries()) {
      const at = (each.mass ?? []).findIndex(
        (mass, t) => mass !== null && each.forced?.includes(t) !== undefined,
      );
      const before = at < 0 ? each.tokens.length : at;
      expect([...each.tokens.slice(0, before)]).toEqual([...(free[i]?.tokens.slice(0, before) ?? [])]);
      const bytes = Buffer.concat(
        [...each.tokens]
          .filter((id) => !policy.config.eosTokenIds.includes(id))
          .map((id) => policy.tokenizer.bytesOf(id)),
      );
      const opened = bytes.indexOf("e");
      if (opened < 0 || each.finishReason !== "stop") continue;
      expect(bytes.subarray(opened + 1).toString()).toMatch(/^=\d{1,3}$/);
      begun++;
    }
    expect(begun).toBeGreaterThan(20);
  });

  it("leaves the plain rows of the same batch their bits, and gives the same tokens for the same seed", async () => {
    const constraint = await policy.constrain(record);
    const ask = (i: number) => ({ prompt: [...prompt, i], maxTokens: 30, seed: i });
    const alone: SampledChoice[] = [];
    for (let i = 0; i < 4; i++) alone.push(...(await policy.sample(ask(i))));
    const together = () =>
      Promise.all(
        [0, 1, 2, 3].flatMap((i) => [policy.sample(ask(i)), policy.sample({ ...ask(i), constraint })]),
      );
    const [first, second] = [await together(), await together()];
    expect(first.filter((_, i) => i % 2 === 0).flat()).toEqual(alone);
    expect(second).toEqual(first);
  });

  it("streams and gives up as without: tokens in order, stop strings, an abort in the middle", async () => {
    const constraint = await policy.constrain(record);
    const tokens: number[] = [];
    const onToken = ({ token }: { token: number }) => void tokens.push(token);
    const [answer] = await policy.sample({ prompt, constraint, seed: 7, stop: "colour", onToken });
    expect([...(answer?.tokens ?? [])]).toEqual(tokens);
    expect(answer?.finishReason).toBe("stop");
    expect(answer?.mass).toHaveLength(tokens.length);
    const abort = new AbortController();
    let partial: SampledChoice[] = [];
    const call = policy.sample({
      prompt,
      constraint,
      seed: 8,
      signal: abort.signal,
      onToken: () => abort.abort(new Error("enough")),
      onAborted: (choices) => {
        partial = choices;
      },
    });
    await expect(call).rejects.toThrow("enough");
    expect(partial[0]?.mass).toHaveLength(partial[0]?.tokens.length ?? -1);
    expect(await policy.sample({ prompt, constraint, seed: 7 })).toHaveLength(1);
  });

  it("fails the row alone for which stop names a token that its text needs", async () => {
    const constraint = await policy.constrain({ rules: [text("7")] });
    const seven = policy.tokenizer.encode("7")[0] ?? -1;
    const [failed, other] = await Promise.allSettled([
      policy.sample({ prompt, constraint, stop: [seven] }),
      policy.sample({ prompt, maxTokens: 5, seed: 9 }),
    ]);
    expect(failed).toMatchObject({ status: "rejected", reason: { code: "E_ARGUMENT" } });
    expect(other.status).toBe("fulfilled");
  });
});

describe("constraints", () => {
  it("are kept by content: equal grammars give one constraint, also while it is made", async () => {
    const copy = structuredClone(record);
    const [a, b] = await Promise.all([policy.constrain(record), policy.constrain(copy)]);
    expect(a).toBe(b);
    expect(await policy.constrain(copy)).toBe(a);
    expect(await policy.constrain({ rules: [text("other")] })).not.toBe(a);
    expect(a.bytes).toBeGreaterThan(0);
  });

  it("are refused by name, a hundred times, and a good one is made after that", async () => {
    const bad: [Grammar, RegExp][] = [
      [{ rules: [choice()] }, /matches none/],
      [{ rules: [choice(text("a"), sequence({ kind: "rule", rule: 0 }, text("b")))] }, /left recursion/],
      [{ rules: [{ kind: "rule", rule: 4 }] }, /a rule below 1, got 4/],
      [{ rules: [text("\ud800")] }, /half a surrogate pair/],
      [{ rules: [{ kind: "regex" } as never] }, /kinds text, class/],
      [{ rules: [{ kind: "text" } as never] }, /kind text to have text, a string, got undefined/],
      [{ rules: [text(5 as never)] }, /kind text to have text, a string, got 5/],
      [{ rules: [{ kind: "class" } as never] }, /kind class to have ranges, a list/],
      [{ rules: [characters(5 as never)] }, /kind class to have ranges of two code points/],
      [{ rules: [{ kind: "choice" } as never] }, /kind choice to have nodes, a list/],
      [
        { rules: [{ kind: "automaton", states: [null] } as never] },
        /kind automaton to have states with edges/,
      ],
      [{ rules: [repeat(text("a"), 1.5, null)] }, /integers from 0/],
      [[] as never, /a JSON schema, or a grammar/],
      [{ rules: [{ kind: "token", id: 1e6 }] }, /matches none/],
    ];
    for (let i = 0; i < 100; i++) {
      const [grammar, message] = bad[i % bad.length] ?? [record, /./];
      const call = policy.constrain(grammar);
      await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
      await expect(call).rejects.toThrow(message);
    }
    const constraint = await policy.constrain({ rules: [text("fine")] });
    const [answer] = await policy.sample({ prompt, constraint, temperature: 0 });
    expect(answer && textOf(answer)).toBe("fine");
  });

  it("hold answers to JSON schemas, at temperature 2", async () => {
    const schema = {
      type: "object",
      properties: {
        name: { type: "string", maxLength: 4 },
        kind: { enum: ["a", "b"] },
        n: { type: "integer", minimum: 3, maximum: 77 },
      },
      required: ["name", "kind", "n"],
      additionalProperties: false,
    };
    const constraint = await policy.constrain(schema);
    expect(await policy.constrain(structuredClone(schema))).toBe(constraint);
    const choices = await policy.sample({ prompt, n: 50, temperature: 2, constraint, seed: 11 });
    const ended = choices.filter(({ finishReason }) => finishReason === "stop");
    expect(ended.length).toBeGreaterThan(40);
    for (const each of ended) {
      const value = JSON.parse(textOf(each));
      expect(Object.keys(value)).toEqual(["name", "kind", "n"]);
      expect([...value.name].length).toBeLessThanOrEqual(4);
      expect(["a", "b"]).toContain(value.kind);
      expect(value.n).toBe(Math.min(77, Math.max(3, Math.trunc(value.n))));
    }
  });

  it("refuse a schema by the keyword and its path, without its being kept", async () => {
    const call = policy.constrain({ properties: { a: { not: {} } } });
    await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(call).rejects.toThrow(/^policy\.constrain: .*properties\.a\.not/);
    const cyclic: Record<string, unknown> = {};
    cyclic.properties = cyclic;
    await expect(policy.constrain(cyclic)).rejects.toThrow(/no JSON/);
  });

  it.each<[string, object, RegExp]>([
    ["an object that is none", { constraint: { bytes: 3 } }, /constraint to be what this policy's constrain/],
    ["a text to wait for, and no constraint", { constraintAfter: "</think>" }, /beside a constraint/],
  ])("sample refuses %s", async (_name, more, message) => {
    await expect(policy.sample({ prompt, ...more })).rejects.toThrow(message);
  });

  it("need a token that ends answers", async () => {
    const constraint = await policy.constrain(record);
    await expect(policy.sample({ prompt, constraint, ignoreEos: true })).rejects.toThrow(
      /leave ignoreEos out/,
    );
  });

  it("serve several engines of one policy", async () => {
    const several = await loadPolicy(qwen2, { ...options, testing: { replicas: 2 } });
    const constraint = await several.constrain(record);
    const ask = (seed: number) => several.sample({ prompt: [...prompt, seed], constraint, seed, n: 2 });
    const answers = (await Promise.all([1, 2, 3, 4].map(ask))).flat();
    for (const each of answers.filter(({ finishReason }) => finishReason === "stop"))
      expect(createReferenceMatcher(record).accepts(textOf(each))).toBe(true);
    await several.close();
  });

  it("end with their policy: what is being made rejects with E_CLOSED, and so does what comes later", async () => {
    const other = await loadPolicy(qwen2, options);
    const constraint: Constraint = await other.constrain(record);
    await expect(policy.sample({ prompt, constraint })).rejects.toThrow(/this policy's constrain/);
    const making = other.constrain({ rules: [text("late")] });
    making.catch(() => undefined);
    await other.close();
    await expect(making).rejects.toMatchObject({ code: "E_CLOSED" });
    await expect(other.constrain(record)).rejects.toMatchObject({ code: "E_CLOSED" });
  });
});
