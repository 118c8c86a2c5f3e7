import { describe, expect, it } from "vitest";
import type { SampledChoice, SampleOptions, StreamedToken } from "../../src/policy/policy.js";
import { fakePolicy, settle } from "./fake-policy.js";

describe("policy.sample", () => {
  const wrong: [string, SampleOptions, RegExp][] = [
    ["an empty prompt", { prompt: [] }, /^policy\.sample: expected prompt to have at least 1 token, got 0/],
    [
      "an id outside the vocabulary",
      { prompt: [1, 368] },
      /prompt\[1\] to be a token id from 0 to 367, got 368/,
    ],
    ["a negative id", { prompt: [-1] }, /prompt\[0\]/],
    ["a fraction", { prompt: [0.5] }, /prompt\[0\]/],
    [
      "a prompt that fills the context",
      { prompt: new Int32Array(64) },
      /at most 63 prompt tokens, got 64; shorten it or load with a larger contextLength/,
    ],
    ["a prompt that is no array", { prompt: 7 as never }, /prompt to be an array/],
    ["n 0", { prompt: [1], n: 0 }, /n to be an integer from 1/],
    ["maxTokens 0", { prompt: [1], maxTokens: 0 }, /maxTokens/],
    ["a negative temperature", { prompt: [1], temperature: -0.1 }, /temperature/],
    [
      "a temperature that float32 cannot divide by",
      { prompt: [1], temperature: 1e-40 },
      /temperature to be 0/,
    ],
    ["temperature NaN", { prompt: [1], temperature: Number.NaN }, /temperature/],
    ["topP above 1", { prompt: [1], topP: 1.1 }, /topP/],
    ["a negative topK", { prompt: [1], topK: -1 }, /topK/],
    ["minP above 1", { prompt: [1], minP: 1.5 }, /minP/],
    ["more topLogprobs than 20", { prompt: [1], topLogprobs: 21 }, /topLogprobs/],
    ["a negative seed", { prompt: [1], seed: -1 }, /seed/],
    ["an empty stop string", { prompt: [1], stop: "" }, /stop strings/],
    ["a stop id outside the vocabulary", { prompt: [1], stop: [368] }, /stop\[0\]/],
    ["an unknown adapter", { prompt: [1], adapter: "x" }, /adapter to be one of "base", "default", got "x"/],
    ["no options", undefined as never, /an object of options, got undefined; the options are prompt/],
  ];
  it.each(wrong)("refuses %s", async (_name, options, message) => {
    const { policy, engine } = await fakePolicy();
    const call = policy.sample(options);
    await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(call).rejects.toThrow(message);
    expect(engine.requests).toEqual([]);
  });

  it("hands the engine the documented defaults", async () => {
    const { policy, engine } = await fakePolicy();
    await policy.sample({ prompt: [1, 2, 3] });
    expect(engine.requests[0]).toMatchObject({
      prompt: Int32Array.of(1, 2, 3),
      n: 1,
      maxTokens: 61,
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      topLogprobs: 0,
      stopTokens: Int32Array.of(357),
      adapter: 0,
    });
    expect(engine.requests[0]?.onToken).toBeUndefined();
  });

  it("hands on what it was given, text encoded, and draws seeds in the order of the calls", async () => {
    const { policy, engine } = await fakePolicy();
    const rest = { n: 2, maxTokens: 100, temperature: 0.5, topP: 0.25, topK: 9 };
    await policy.sample({
      prompt: "hello",
      ...rest,
      seed: 2n ** 63n,
      stop: [5, "xyzzy"],
      ignoreEos: true,
      adapter: "base",
    });
    const prompt = policy.tokenizer.encode("hello");
    expect(engine.requests[0]).toMatchObject({
      ...rest,
      prompt,
      maxTokens: 64 - prompt.length,
      seed: 2n ** 63n,
      stopTokens: Int32Array.of(5),
      adapter: -1,
    });
    await policy.sample({ prompt: [1] });
    await policy.sample({ prompt: [1] });
    const other = await fakePolicy();
    await other.policy.sample({ prompt: [1] });
    expect(engine.requests[1]?.seed).toBe(other.engine.requests[0]?.seed);
    expect(engine.requests[2]?.seed).not.toBe(engine.requests[1]?.seed);
  });

  it("says of each choice what sampled it", async () => {
    const { policy } = await fakePolicy();
    await policy.optimStep({ lr: 0 });
    const choices = await policy.sample({ prompt: [1], n: 2, maxTokens: 2 });
    const unasked = { topTokens: new Int32Array(), topLogprobs: new Float32Array() };
    const sampler = { adapter: "default", version: 1, arithmetic: "fake-r1" };
    const origin = { finishReason: "length", ...sampler, ...unasked };
    expect(choices).toEqual([
      { tokens: Int32Array.of(2, 3), logprobs: Float32Array.of(-0.125, -0.25), ...origin },
      { tokens: Int32Array.of(9, 10), logprobs: Float32Array.of(-0.125, -0.25), ...origin },
    ]);
    const [base] = await policy.sample({ prompt: [1], maxTokens: 1, adapter: "base" });
    expect(base).toMatchObject({ adapter: "base", version: 0 });
  });

  it("streams every token in order", async () => {
    const { policy } = await fakePolicy();
    const streamed: StreamedToken[] = [];
    const choices = await policy.sample({
      prompt: [1],
      n: 2,
      maxTokens: 3,
      onToken: (token) => streamed.push(token),
    });
    for (const [choice, { tokens, logprobs }] of choices.entries()) {
      const own = streamed.filter((token) => token.choice === choice);
      expect(own.map(({ token }) => token)).toEqual([...tokens]);
      expect(own.map(({ logprob }) => logprob)).toEqual([...logprobs]);
    }
  });

  it("ends a choice at the token that completes a stop string, and the other choices later", async () => {
    const { policy, engine } = await fakePolicy();
    const [free] = await policy.sample({ prompt: [1], maxTokens: 20 });
    const stop = policy.tokenizer.decode((free?.tokens ?? new Int32Array(0)).slice(4, 7));
    const streamed: StreamedToken[] = [];
    const choices = await policy.sample({
      prompt: [1],
      n: 2,
      maxTokens: 20,
      stop,
      onToken: (token) => streamed.push(token),
    });
    expect(choices[0]).toEqual({
      ...free,
      finishReason: "stop",
      tokens: free?.tokens.slice(0, 7),
      logprobs: free?.logprobs.slice(0, 7),
    });
    expect(streamed.filter(({ choice }) => choice === 0)).toHaveLength(7);
    expect(engine.log).toContain("cancel 1 0 7");
    // The second choice is the same series from 7 tokens later on: it never meets the string.
    expect(choices[1]?.finishReason).toBe("length");
  });

  it("cuts the named tokens where a stop string cuts the choice", async () => {
    const { policy } = await fakePolicy();
    const [free] = await policy.sample({ prompt: [1], maxTokens: 20 });
    const stop = policy.tokenizer.decode((free?.tokens ?? new Int32Array(0)).slice(4, 7));
    const [choice] = await policy.sample({ prompt: [1], maxTokens: 20, topLogprobs: 2, stop });
    expect([...(choice?.topTokens ?? [])]).toEqual(Array.from({ length: 14 }, (_, i) => i));
    expect([...(choice?.topLogprobs ?? [])]).toEqual(Array.from({ length: 14 }, (_, i) => -i));
  });

  it("says stop, not length, when the last token allowed completes a stop string", async () => {
    const { policy } = await fakePolicy();
    const [free] = await policy.sample({ prompt: [1], maxTokens: 5 });
    const stop = policy.tokenizer.decode((free?.tokens ?? new Int32Array(0)).slice(3));
    const [choice] = await policy.sample({ prompt: [1], maxTokens: 5, stop });
    expect(choice).toEqual({ ...free, finishReason: "stop" });
  });

  it("rejects with the signal's reason at once, cancels, and streams nothing more", async () => {
    const { policy, engine } = await fakePolicy();
    const controller = new AbortController();
    const reason = new Error("enough");
    const streamed: StreamedToken[] = [];
    const partial: SampledChoice[][] = [];
    const call = policy.sample({
      prompt: [1],
      n: 2,
      maxTokens: 20,
      signal: controller.signal,
      onAborted: (choices) => partial.push(choices),
      onToken: (token) => {
        streamed.push(token);
        if (streamed.length === 5) controller.abort(reason);
      },
    });
    await expect(call).rejects.toBe(reason);
    expect(partial).toEqual([
      [
        expect.objectContaining({
          tokens: Int32Array.of(2, 3, 4),
          finishReason: "aborted",
          adapter: "default",
        }),
        expect.objectContaining({ tokens: Int32Array.of(9, 10), finishReason: "aborted" }),
      ],
    ]);
    expect(engine.log).toContain("cancel 0 -1 0");
    await settle();
    expect(streamed).toHaveLength(5);
    expect(partial).toHaveLength(1);
  });

  it("rejects an aborted call while it waits, without asking the engine", async () => {
    const { policy, engine } = await fakePolicy();
    engine.isHeld = true;
    const training = policy.zeroGradients();
    await settle();
    const controller = new AbortController();
    const call = policy.sample({ prompt: [1], signal: controller.signal });
    controller.abort("enough");
    await expect(call).rejects.toBe("enough");
    engine.isHeld = false;
    engine.release();
    await training;
    expect(engine.requests).toEqual([]);
    await expect(policy.sample({ prompt: [1], signal: AbortSignal.abort("before") })).rejects.toBe("before");
  });

  it("rejects with what onToken throws, and cancels", async () => {
    const { policy, engine } = await fakePolicy();
    let calls = 0;
    const call = policy.sample({
      prompt: [1],
      maxTokens: 9,
      onToken: () => {
        calls += 1;
        throw new Error("mine");
      },
    });
    await expect(call).rejects.toThrow("mine");
    expect(calls).toBe(1);
    expect(engine.log).toContain("cancel 0 -1 0");
  });

  it("passes on the engine's error with its code", async () => {
    const { policy, engine } = await fakePolicy();
    engine.failure = { call: "sample", error: { code: "E_MEMORY", message: "too much" } };
    await expect(policy.sample({ prompt: [1] })).rejects.toMatchObject({
      code: "E_MEMORY",
      message: "policy.sample: too much",
    });
    engine.failure = { call: "sample", error: new TypeError("odd") };
    await expect(policy.sample({ prompt: [1] })).rejects.toMatchObject({ code: "E_INTERNAL" });
  });
});
