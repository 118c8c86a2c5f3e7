import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy, SampleOptions, StreamedToken } from "../../src/policy/policy.js";
import { qwen2 } from "./fixture-models.js";

// The sampler behind the facade, on a real engine: what is drawn, when it ends, who gives up.
const options = { contextLength: 256, cacheTokens: 4096, adapter: `${qwen2}/adapter` } as const;
let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(qwen2, options);
});
afterAll(() => policy.close());

const prompt = [5, 17, 300, 42];

describe("what is drawn", () => {
  // Probabilities of every next token, from score.
  async function probabilities(temperature: number): Promise<number[]> {
    const every = Array.from({ length: policy.config.vocabulary }, (_, token) => [...prompt, token]);
    const scores = await policy.score(every, { temperature });
    return scores.map(({ logprobs }) => Math.exp(logprobs.at(-1) ?? Number.NaN));
  }

  /** Keeps the likeliest tokens until `keep` says stop, and makes the rest impossible. */
  function filtered(p: readonly number[], keep: (rank: number, before: number) => boolean): number[] {
    const order = [...p.keys()].sort((a, b) => (p[b] ?? 0) - (p[a] ?? 0));
    const out = p.map(() => 0);
    let before = 0;
    for (const [rank, token] of order.entries()) {
      if (!keep(rank, before)) break;
      out[token] = p[token] ?? 0;
      before += p[token] ?? 0;
    }
    return out.map((value) => value / before);
  }

  function filteredBy(p: readonly number[], share: number): number[] {
    const least = share * Math.max(...p);
    const total = p.reduce((sum, value) => sum + (value >= least ? value : 0), 0);
    return p.map((value) => (value >= least ? value / total : 0));
  }

  it.each<[string, Partial<SampleOptions>, (p: readonly number[]) => number[]]>([
    ["the whole distribution", {}, (p) => [...p]],
    ["a colder one", { temperature: 0.6 }, (p) => [...p]],
    ["the ten likeliest", { topK: 10 }, (p) => filtered(p, (rank) => rank < 10)],
    ["the fewest that reach 0.3", { topP: 0.3 }, (p) => filtered(p, (_, before) => before < 0.3)],
    ["those at least a tenth as likely as the likeliest", { minP: 0.1 }, (p) => filteredBy(p, 0.1)],
    [
      "top-k and top-p",
      { topK: 20, topP: 0.6 },
      (p) =>
        filtered(
          filtered(p, (rank) => rank < 20),
          (_, before) => before < 0.6,
        ),
    ],
  ])("follows %s: chi-square below its 1e-6 quantile on a fixed seed", async (_name, filter, expectedOf) => {
    const expected = expectedOf(await probabilities(filter.temperature ?? 1));
    const n = 4096;
    const choices = await policy.sample({ prompt, n, maxTokens: 1, seed: 12, ignoreEos: true, ...filter });
    const counts = expected.map(() => 0);
    for (const { tokens } of choices) counts[tokens[0] ?? 0] = (counts[tokens[0] ?? 0] ?? 0) + 1;
    let chi = 0;
    let cells = 0;
    let [pooled, pooledExpected] = [0, 0];
    for (const [token, p] of expected.entries()) {
      const count = counts[token] ?? 0;
      if (p === 0) expect(count).toBe(0);
      else if (p * n < 5) [pooled, pooledExpected] = [pooled + count, pooledExpected + p * n];
      else [chi, cells] = [chi + (count - p * n) ** 2 / (p * n), cells + 1];
    }
    if (pooledExpected > 0) [chi, cells] = [chi + (pooled - pooledExpected) ** 2 / pooledExpected, cells + 1];
    // Wilson and Hilferty's approximation of the quantile, 4.75 deviations up: odds of a false alarm 1e-6.
    const freedom = cells - 1;
    const quantile = freedom * (1 - 2 / (9 * freedom) + 4.75 * Math.sqrt(2 / (9 * freedom))) ** 3;
    expect(chi).toBeLessThan(quantile);
    expect(freedom).toBeGreaterThan(3);
  });

  it("is named beside the most probable tokens, whose log-probabilities are those of score", async () => {
    const [choice] = await policy.sample({ prompt, maxTokens: 3, seed: 5, temperature: 0.8, topLogprobs: 4 });
    const sampled = [...(choice?.tokens ?? [])];
    expect(choice?.topTokens).toHaveLength(4 * sampled.length);
    for (const [t] of sampled.entries()) {
      const before = [...prompt, ...sampled.slice(0, t)];
      const top = [...(choice?.topTokens.subarray(4 * t, 4 * t + 4) ?? [])];
      const scores = await policy.score(
        Array.from({ length: policy.config.vocabulary }, (_, token) => [...before, token]),
        { temperature: 0.8 },
      );
      const last = scores.map(({ logprobs }) => logprobs.at(-1) ?? Number.NaN);
      const likeliest = [...last.keys()].sort((a, b) => (last[b] ?? 0) - (last[a] ?? 0)).slice(0, 4);
      expect(top).toEqual(likeliest);
      expect([...(choice?.topLogprobs.subarray(4 * t, 4 * t + 4) ?? [])]).toEqual(top.map((id) => last[id]));
    }
  });

  it("follows from seed, prompt and choice alone: not from the order of calls, nor from company", async () => {
    const request = (seed: number | bigint): SampleOptions => ({
      prompt,
      n: 3,
      maxTokens: 12,
      seed,
      ignoreEos: true,
    });
    const first = await policy.sample(request(1));
    const [second, again] = await Promise.all([
      policy.sample(request(2n ** 64n - 1n)),
      policy.sample(request(1)),
    ]);
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    expect(await policy.sample(request(1n))).toEqual(first);
    expect(new Set(first.map(({ tokens }) => tokens.join())).size).toBe(3);
    const more = await policy.sample({ ...request(1), n: 5, maxTokens: 30 });
    expect(more.slice(0, 3).map(({ tokens }) => tokens.slice(0, 12))).toEqual(
      first.map(({ tokens }) => tokens),
    );
  });
});

describe("the end of a choice", () => {
  const long: SampleOptions = { prompt, n: 6, maxTokens: 60, seed: 4, ignoreEos: true };

  it("comes at the first stop token, which is its last", async () => {
    const free = await policy.sample(long);
    const stop = [free[0]?.tokens[7] ?? 0, free[1]?.tokens[11] ?? 0];
    const choices = await policy.sample({ ...long, stop });
    for (const [i, choice] of choices.entries()) {
      const tokens = free[i]?.tokens ?? new Int32Array(0);
      const end = tokens.findIndex((token) => stop.includes(token));
      const length = end < 0 ? 60 : end + 1;
      expect(choice.tokens).toEqual(tokens.slice(0, length));
      expect(choice.logprobs).toEqual(free[i]?.logprobs.slice(0, length));
      expect(choice.finishReason).toBe(end < 0 ? "length" : "stop");
    }
    expect(choices[0]?.finishReason).toBe("stop");
  });

  it("comes at the model's end of sequence unless told otherwise", async () => {
    const requests = Array.from({ length: 20 }, (_, seed) => ({ prompt, n: 10, maxTokens: 100, seed }));
    const choices = (await Promise.all(requests.map((request) => policy.sample(request)))).flat();
    const ended = choices.filter(({ finishReason }) => finishReason === "stop");
    expect(ended.length).toBeGreaterThan(0);
    for (const { tokens, finishReason } of choices) {
      expect(tokens.indexOf(357)).toBe(finishReason === "stop" ? tokens.length - 1 : -1);
      if (finishReason === "length") expect(tokens.length).toBe(100);
    }
  });

  it("comes at the token that completes a stop string, the same each time, and is streamed no further", async () => {
    const free = await policy.sample(long);
    const stop = policy.tokenizer.decode(free[2]?.tokens.slice(20, 23) ?? []);
    expect(stop).not.toBe("");
    const runs = [];
    for (let i = 0; i < 5; i++) {
      const streamed: StreamedToken[] = [];
      const choices = await policy.sample({
        ...long,
        stop: [stop],
        onToken: (token) => streamed.push(token),
      });
      for (const [c, choice] of choices.entries()) {
        expect(streamed.filter((token) => token.choice === c).map(({ token }) => token)).toEqual([
          ...choice.tokens,
        ]);
        expect(choice.tokens).toEqual(free[c]?.tokens.slice(0, choice.tokens.length));
        const text = policy.tokenizer.decode(choice.tokens);
        expect(choice.finishReason === "stop").toBe(text.includes(stop));
        expect(policy.tokenizer.decode(choice.tokens.slice(0, -1)).includes(stop)).toBe(false);
      }
      expect(choices[2]?.finishReason).toBe("stop");
      runs.push(choices);
    }
    for (const run of runs) expect(run).toEqual(runs[0]);
  });

  it("comes at the token that isLast says, of each choice its own", async () => {
    const free = await policy.sample(long);
    const asked = new Map<number, number>();
    const choices = await policy.sample({
      ...long,
      isLast: ({ choice }) => {
        asked.set(choice, (asked.get(choice) ?? 0) + 1);
        return choice < 4 && asked.get(choice) === 3 + choice;
      },
    });
    for (const [i, { tokens, finishReason }] of choices.entries()) {
      const length = i < 4 ? 3 + i : 60;
      expect(tokens).toEqual(free[i]?.tokens.slice(0, length));
      expect([asked.get(i), finishReason]).toEqual([length, i < 4 ? "stop" : "length"]);
    }
    const throwing = () => {
      throw new Error("no");
    };
    await expect(policy.sample({ ...long, isLast: throwing })).rejects.toThrow("no");
  });

  it("comes at the context's end", async () => {
    const full = Array.from({ length: 250 }, (_, i) => i);
    const [choice] = await policy.sample({ prompt: full, maxTokens: 1000, ignoreEos: true });
    expect(choice).toMatchObject({ finishReason: "length" });
    expect(choice?.tokens).toHaveLength(6);
    const longest = Array.from({ length: 255 }, (_, i) => i);
    expect((await policy.sample({ prompt: longest, ignoreEos: true }))[0]?.tokens).toHaveLength(1);
  });
});

describe("giving up", () => {
  it("an aborted call rejects with its reason; its company and the policy go on", async () => {
    const request: SampleOptions = { prompt, n: 2, maxTokens: 100, seed: 6, ignoreEos: true };
    const alone = await policy.sample(request);
    for (let at = 1; at < 40; at += 6) {
      const controller = new AbortController();
      let seen = 0;
      const aborted = policy.sample({
        ...request,
        seed: 7,
        signal: controller.signal,
        onToken: () => {
          seen += 1;
          if (seen === at) controller.abort(`at ${at}`);
        },
      });
      const company = policy.sample(request);
      await expect(aborted).rejects.toBe(`at ${at}`);
      expect(seen).toBe(at);
      expect(await company).toEqual(alone);
    }
  });

  it("a signal that aborts after the end changes nothing", async () => {
    const controller = new AbortController();
    const call = policy.sample({ prompt, maxTokens: 2, signal: controller.signal });
    await call;
    controller.abort();
    expect(await call).toHaveLength(1);
  });

  it("what does not fit the token memory at once waits for its turn, and is the same as with room for all", async () => {
    const many = Array.from({ length: 30 }, (_, i) => ({
      prompt: Array.from({ length: 1 + ((i * 13) % 90) }, (_, t) => (i % 3) + t),
      n: 1 + (i % 3),
      maxTokens: 128,
      seed: i,
      ignoreEos: true,
    }));
    const served: unknown[] = [];
    for (const cacheTokens of [192, 8192]) {
      await using own = await loadPolicy(qwen2, { contextLength: 128, cacheTokens });
      served.push(await Promise.all(many.map((request) => own.sample(request))));
    }
    expect(served[0]).toEqual(served[1]);
  });

  it.each(["sampling", "training"])(
    "closing in the middle of %s rejects it with E_CLOSED and ends soon",
    async (what) => {
      for (let i = 0; i < 5; i++) {
        const own = await loadPolicy(qwen2, options);
        const tokens = Array.from({ length: 256 }, (_, t) => t);
        const update = Array.from({ length: 8 }, (_, s) => ({
          tokens: tokens.map((t) => (t + s) % 300),
          weights: tokens.slice(1).map(() => 0.1),
        }));
        const running =
          what === "sampling"
            ? own.sample({ prompt, n: 8, ignoreEos: true })
            : own.forwardBackward(update, losses.logLikelihood());
        const ended = running.catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 4 * i));
        await own.close();
        const outcome = await ended;
        if (!Array.isArray(outcome) && !(outcome as { loss?: number }).loss)
          expect(outcome).toMatchObject({ code: "E_CLOSED" });
      }
    },
  );
});
