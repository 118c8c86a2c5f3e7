import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { losses } from "../../src/policy/losses/index.js";
import type { LossSequence } from "../../src/policy/losses/loss-inputs.js";
import type { LossFunction, PolicyLoss } from "../../src/policy/losses/policy-loss.js";
import { fakePolicy } from "./fake-policy.js";
import { qwen2 } from "./fixture-models.js";

// loss = sum of w logp, so dloss/dlogp = w: the derivatives show which number went where.
const plainSum: LossFunction = ({ logprobs, weights }) => ({
  loss: logprobs.reduce((sum, logprob, t) => sum + logprob * (weights[t] ?? 0), 0),
  metrics: { seen: logprobs.length },
  dLogprobs: weights.slice(),
});

const update: LossSequence[] = [
  { tokens: [1, 2, 3], weights: [0.1, 0.2] },
  { tokens: [4, 5], weights: [0.3] },
  { tokens: Int32Array.of(6, 7, 8, 9), weights: Float32Array.of(0.5, 0.25, 0.125) },
];

describe("policy.score", () => {
  it("answers in the order of the sequences, however they are divided", async () => {
    for (const budget of [1000, 6, 4]) {
      const { policy, engine } = await fakePolicy();
      engine.budget = budget;
      const scores = await policy.score(update.map(({ tokens }) => tokens));
      expect(scores.map(({ logprobs }) => logprobs)).toEqual([
        Float32Array.of(-0.02, -0.03),
        Float32Array.of(-0.05),
        Float32Array.of(-0.07, -0.08, -0.09),
      ]);
      expect(scores.map(({ entropy }) => entropy.length)).toEqual([2, 1, 3]);
      expect(engine.batches.length).toBe(budget === 1000 ? 1 : budget === 6 ? 2 : 3);
      expect(engine.batches.every(({ keep }) => !keep)).toBe(true);
    }
  });

  it("answers an empty batch without the engine", async () => {
    const { policy, engine } = await fakePolicy();
    expect(await policy.score([])).toEqual([]);
    expect(engine.log).toEqual([]);
  });

  it("rejects with E_NONFINITE when the model's own numbers are not finite", async () => {
    const { policy, engine } = await fakePolicy();
    engine.logprobOf = (token) => (token === 3 ? Number.NaN : -1);
    await policy.score([[3, 1, 2]]);
    await expect(policy.score([[1, 2, 3]])).rejects.toMatchObject({ code: "E_NONFINITE" });
  });

  it("hands on adapter and temperature, 0 as 1", async () => {
    const { policy, engine } = await fakePolicy();
    await policy.score([[1, 2]]);
    await policy.score([[1, 2]], { adapter: "base", temperature: 0.7 });
    await policy.score([[1, 2]], { temperature: 0 });
    expect(engine.batches.map(({ adapter, temperature }) => [adapter, temperature])).toEqual([
      [0, 1],
      [-1, 0.7],
      [0, 1],
    ]);
  });

  it.each([
    ["no array", 5, /an array of sequences/],
    ["a sequence of one token", [[1, 2], [3]], /sequences\[1\] to have at least 2 tokens, got 1/],
    [
      "a sequence over the context",
      [new Int32Array(65)],
      /sequences\[0\] to have at most 64 tokens, got 65; shorten/,
    ],
    [
      "an id outside the vocabulary",
      [[1, 400]],
      /sequences\[0\]\[1\] to be a token id from 0 to 367, got 400/,
    ],
  ])("refuses %s", async (_name, sequences, message) => {
    const { policy, engine } = await fakePolicy();
    const call = policy.score(sequences as never);
    await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(call).rejects.toThrow(message);
    expect(engine.log).toEqual([]);
  });
});

describe("policy.forwardBackward", () => {
  it("takes one forward and one backward pass when the update is one micro-batch", async () => {
    const { policy, engine } = await fakePolicy();
    const result = await policy.forwardBackward(update, plainSum);
    expect(engine.log).toEqual(["forward keep", "backward"]);
    // The fake lays sequences out in reverse order.
    expect([...(engine.derivatives[0] ?? [])]).toEqual([0.5, 0.25, 0.125, 0.3, 0.1, 0.2]);
    expect(result.logprobs).toEqual([
      Float32Array.of(-0.02, -0.03),
      Float32Array.of(-0.05),
      Float32Array.of(-0.07, -0.08, -0.09),
    ]);
    expect(result.metrics).toEqual({ seen: 6 });
    expect(result.loss).toBeCloseTo(-0.1 * 0.02 - 0.2 * 0.03 - 0.3 * 0.05 - 0.035 - 0.02 - 0.01125, 7);
  });

  it("otherwise evaluates the loss once on everything, between a pass without and a pass with gradients", async () => {
    const { policy, engine } = await fakePolicy();
    engine.budget = 6;
    const whole = await (await fakePolicy()).policy.forwardBackward(update, plainSum);
    let evaluated = 0;
    const result = await policy.forwardBackward(update, (numbers) => {
      evaluated += 1;
      return plainSum(numbers);
    });
    expect(evaluated).toBe(1);
    expect(engine.log).toEqual([
      "forward",
      "forward",
      "forward keep",
      "backward",
      "forward keep",
      "backward",
    ]);
    expect(engine.derivatives.map((d) => [...d])).toEqual([
      [0.5, 0.25, 0.125, 0.3],
      [0.1, 0.2],
    ]);
    expect(result).toEqual(whole);
  });

  /** The fake's log-probability of each token, in float32. */
  const known = update.map((sequence) => ({
    ...sequence,
    logprobs: Array.from(sequence.tokens)
      .slice(1)
      .map((token) => Math.fround(-token / 100)),
  }));
  /** dL/dlogp = w logp: not linear, and says what it reads. */
  const square: PolicyLoss = {
    name: "square",
    reads: ["weights"],
    evaluate: ({ logprobs, weights }) => ({
      loss: logprobs.reduce((sum, logprob, t) => sum + (logprob ** 2 * (weights[t] ?? 0)) / 2, 0),
      metrics: { seen: logprobs.length },
      dLogprobs: logprobs.map((logprob, t) => logprob * (weights[t] ?? 0)),
    }),
  };

  it.each([
    ["carry the log-probabilities, and a loss that reads no entropies", known, square],
    ["meet a linear loss", update, losses.logLikelihood()],
  ] as const)(
    "takes one forward and one backward pass of each micro-batch when the sequences %s",
    async (_name, sequences, loss) => {
      const two = await fakePolicy();
      const one = await fakePolicy();
      two.engine.budget = 6;
      one.engine.budget = 6;
      const before = await two.policy.forwardBackward(update, { ...loss, isLinear: false });
      const result = await one.policy.forwardBackward(sequences, loss);
      expect(two.engine.log.filter((line) => line === "forward")).toHaveLength(2);
      expect(one.engine.log).toEqual(["forward keep", "backward", "forward keep", "backward"]);
      expect(one.engine.derivatives).toEqual(two.engine.derivatives);
      expect(result).toEqual(before);
    },
  );

  it.each([
    ["a bare function, which may read entropies", square.evaluate],
    ["a loss that reads entropies", { ...square, reads: ["weights", "entropies"] } satisfies PolicyLoss],
  ])("takes a pass without gradients first for %s", async (_name, loss) => {
    const { policy, engine } = await fakePolicy();
    engine.budget = 6;
    await policy.forwardBackward(known, loss);
    expect(engine.log.slice(0, 2)).toEqual(["forward", "forward"]);
  });

  it.each([1000, 6])(
    "rejects with E_EXACTNESS log-probabilities that a sequence carries and a pass does not give (%i)",
    async (budget) => {
      const { policy, engine } = await fakePolicy();
      engine.budget = budget;
      const wrong = known.map((sequence, s) => ({
        ...sequence,
        rollout: `ro-${s}`,
        logprobs: sequence.logprobs.map((value, t) => (s === 2 && t === 1 ? value + 2 ** -26 : value)),
      }));
      const call = policy.forwardBackward(wrong, square);
      await expect(call).rejects.toMatchObject({ code: "E_EXACTNESS" });
      await expect(call).rejects.toThrow(/token 2 of sequence 2 \(rollout ro-2\)/);
      expect(engine.log).not.toContain("backward");
      const masked = wrong.map((sequence, s) => ({
        ...sequence,
        mask: sequence.logprobs.map((_, t) => (s === 2 && t === 1 ? 0 : 1)),
        weights: sequence.logprobs.map((_, t) => (s === 2 && t === 1 ? 0 : 0.5)),
      }));
      // Not in the loss, and known all the same: a token that a grammar forced.
      await expect(policy.forwardBackward(masked, losses.logLikelihood())).rejects.toMatchObject({
        code: "E_EXACTNESS",
      });
      await policy.zeroGradients();
      const unsaid = masked.map((sequence) => ({
        ...sequence,
        logprobs: sequence.logprobs.map((value, t) => (sequence.mask[t] === 0 ? 0 : value)),
      }));
      await policy.forwardBackward(unsaid, losses.logLikelihood());
    },
  );

  it("refuses a loss that says it is linear and is not, or that reads entropies without saying so", async () => {
    const secret: PolicyLoss = {
      ...square,
      evaluate: (numbers) => ({ ...square.evaluate(numbers), dEntropies: numbers.entropies?.slice() }),
    };
    for (const [sequences, loss] of [
      [update, { ...square, isLinear: true }],
      [known, secret],
    ] as const) {
      const { policy, engine } = await fakePolicy();
      engine.budget = 6;
      const call = policy.forwardBackward(sequences, loss);
      await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
      await expect(call).rejects.toThrow(/square .*call zeroGradients/);
    }
  });

  it("rejects with E_NONFINITE when a pass gives a linear loss NaN where it counts", async () => {
    const { policy, engine } = await fakePolicy();
    engine.budget = 6;
    engine.logprobOf = (token) => (token === 9 ? Number.NaN : -token / 100);
    await expect(policy.forwardBackward(update, losses.logLikelihood())).rejects.toMatchObject({
      code: "E_NONFINITE",
    });
    expect(engine.log).not.toContain("backward");
  });

  it("rejects with E_EXACTNESS when the second pass gives other bits than the first", async () => {
    const { policy, engine } = await fakePolicy();
    engine.budget = 4;
    engine.logprobOf = (token) => (engine.batches.length > 3 ? -token / 100 + 2 ** -26 : -token / 100);
    await expect(policy.forwardBackward(update, plainSum)).rejects.toMatchObject({ code: "E_EXACTNESS" });
    expect(engine.log).not.toContain("backward");
  });

  it.each([
    ["a value", { loss: Number.NaN }],
    [
      "a derivative by log-probability",
      { dLogprobs: Float64Array.of(0, 0, Number.POSITIVE_INFINITY, 0, 0, 0) },
    ],
    ["a derivative by entropy", { dEntropies: Float64Array.of(0, 0, 0, 0, 0, Number.NaN) }],
    ["a derivative, in float32,", { dLogprobs: Float64Array.of(0, 0, 0, 4e38, 0, 0) }],
  ])("rejects with E_NONFINITE before any backward pass when %s is not finite", async (_name, wrong) => {
    for (const budget of [1000, 4]) {
      const { policy, engine } = await fakePolicy();
      engine.budget = budget;
      const call = policy.forwardBackward(update, (numbers) => ({ ...plainSum(numbers), ...wrong }));
      await expect(call).rejects.toMatchObject({ code: "E_NONFINITE" });
      expect(engine.log).not.toContain("backward");
    }
  });

  it("goes on after a loss that throws", async () => {
    const { policy } = await fakePolicy();
    const call = policy.forwardBackward(update, () => {
      throw new Error("mine");
    });
    await expect(call).rejects.toThrow("mine");
    await policy.forwardBackward(update, plainSum);
  });

  it.each([
    ["no sequences", [], /at least one sequence, got an array of 0/],
    ["a sequence without tokens", [{}], /sequences\[0\]\.tokens to be an array/],
    ["null", [null], /sequences\[0\]\.tokens to be an array/],
    ["one token", [{ tokens: [1], weights: [] }], /sequences\[0\]\.tokens to have at least 2 tokens/],
    ["a wrong length", [{ tokens: [1, 2], weights: [1, 2] }], /weights/],
    ["a weight that is NaN", [{ tokens: [1, 2], weights: [Number.NaN] }], /weights/],
    ["a missing field", [{ tokens: [1, 2], weights: [1] }, { tokens: [1, 2] }], /sequences\[1\]\.weights/],
  ])("refuses %s before any pass", async (_name, sequences, message) => {
    const { policy, engine } = await fakePolicy();
    const call = policy.forwardBackward(sequences as never, losses.logLikelihood());
    await expect(call).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(call).rejects.toThrow(message);
    expect(engine.log).toEqual([]);
  });

  it("refuses to train what is frozen, in both modes", async () => {
    const { policy, engine } = await fakePolicy();
    const frozen = { code: "E_STATE" };
    await expect(policy.forwardBackward(update, plainSum, { adapter: "base" })).rejects.toMatchObject(frozen);
    await expect(policy.optimStep({ lr: 1, adapter: "base" })).rejects.toMatchObject(frozen);
    await expect(policy.gradients("base")).rejects.toMatchObject(frozen);
    await expect(policy.zeroGradients("base")).rejects.toMatchObject(frozen);
    await expect(policy.saveModel(join(tmpdir(), "never"))).rejects.toMatchObject(frozen);
    await policy.removeAdapter("default");
    await expect(policy.optimStep({ lr: 1 })).rejects.toMatchObject(frozen);
    expect(engine.log).toEqual(["removeAdapter 0"]);
    const all = await fakePolicy({ trainAll: true });
    await expect(all.policy.addAdapter("a")).rejects.toMatchObject(frozen);
  });
});

describe("policy.optimStep", () => {
  it("hands the engine the documented defaults, and what it is given", async () => {
    const { policy, engine } = await fakePolicy();
    expect(await policy.optimStep({ lr: 0.25 })).toEqual({ gradNorm: 3, version: 1 });
    const given = {
      lr: 1,
      betas: [0.5, 0.75],
      eps: 1,
      weightDecay: 2,
      maxGradNorm: Number.POSITIVE_INFINITY,
    } as const;
    await policy.optimStep(given);
    const defaults = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 };
    expect(engine.steps).toEqual([
      { adapter: 0, lr: 0.25, ...defaults },
      {
        adapter: 0,
        lr: 1,
        beta1: 0.5,
        beta2: 0.75,
        eps: 1,
        weightDecay: 2,
        maxGradNorm: Number.POSITIVE_INFINITY,
      },
    ]);
    expect(policy.version()).toBe(2);
  });

  it.each([
    ["no options", undefined],
    ["no lr", {}],
    ["a negative lr", { lr: -1 }],
    ["an lr of NaN", { lr: Number.NaN }],
    ["one beta", { lr: 1, betas: [0.9] }],
    ["a beta of 1", { lr: 1, betas: [0.9, 1] }],
    ["eps 0", { lr: 1, eps: 0 }],
    ["a negative weight decay", { lr: 1, weightDecay: -1 }],
    ["a norm of 0", { lr: 1, maxGradNorm: 0 }],
    ["an unknown adapter", { lr: 1, adapter: "x" }],
  ])("refuses %s", async (_name, options) => {
    const { policy, engine } = await fakePolicy();
    await expect(policy.optimStep(options as never)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    expect(engine.steps).toEqual([]);
  });
});

describe("adapters", () => {
  it("are named, the first is the default, and a name is taken once", async () => {
    const { policy, engine } = await fakePolicy();
    await policy.addAdapter("planner", { rank: 3, alpha: 6, targets: ["v", "q"], seed: 9 });
    expect(policy.adapters).toEqual(["default", "planner"]);
    expect(engine.adapters[1]?.seed).toBe(9n);
    expect(engine.adapters[1]?.targets).toEqual(
      [0, 1, 2].flatMap((layer) => [0, 2].map((projection) => ({ layer, projection, rank: 3, scale: 2 }))),
    );
    await expect(policy.addAdapter("planner")).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await policy.removeAdapter("default");
    await policy.score([[1, 2]]);
    expect(engine.batches[0]?.adapter).toBe(1);
    await policy.removeAdapter("planner");
    await policy.score([[1, 2]]);
    expect(engine.batches[1]?.adapter).toBe(-1);
    await expect(policy.removeAdapter("planner")).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });

  it("count their versions anew under a name that was given back", async () => {
    const { policy } = await fakePolicy();
    await policy.addAdapter("planner");
    await policy.optimStep({ lr: 0, adapter: "planner" });
    await policy.removeAdapter("planner");
    await policy.addAdapter("planner");
    expect(policy.version("planner")).toBe(0);
  });

  it("scale by alpha / rank, or by alpha / sqrt(rank), and have rank 16 and alpha 32 on all projections", async () => {
    const { policy, engine } = await fakePolicy();
    await policy.addAdapter("plain");
    await policy.addAdapter("stable", { rslora: true });
    expect(engine.adapters[1]?.targets).toHaveLength(21);
    expect(engine.adapters[1]?.targets[0]).toEqual({ layer: 0, projection: 0, rank: 16, scale: 2 });
    expect(engine.adapters[2]?.targets[0]).toEqual({ layer: 0, projection: 0, rank: 16, scale: 8 });
    expect(engine.adapters[1]?.seed).not.toBe(engine.adapters[2]?.seed);
  });

  it.each([
    ["the base's name", "base", {}],
    ["an empty name", "", {}],
    ["rank 0", "a", { rank: 0 }],
    ["alpha NaN", "a", { alpha: Number.NaN }],
    ["an unknown target", "a", { targets: ["lm_head"] }],
    ["no targets", "a", { targets: [] }],
    ["null", "a", null],
  ])("refuse %s", async (_what, name, options) => {
    const { policy, engine } = await fakePolicy();
    await expect(policy.addAdapter(name, options as never)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    expect(engine.adapters).toHaveLength(1);
  });

  it("from a folder that is none are refused with E_MODEL", async () => {
    const { policy } = await fakePolicy();
    await expect(policy.addAdapter("a", qwen2)).rejects.toMatchObject({ code: "E_MODEL" });
    await expect(policy.addAdapter("a", "nowhere")).rejects.toMatchObject({ code: "E_MODEL" });
  });

  it("are called by name from when the call has its turn", async () => {
    const { policy, engine } = await fakePolicy();
    const calls = [policy.addAdapter("late"), policy.sample({ prompt: [1], maxTokens: 1, adapter: "late" })];
    await Promise.all(calls);
    expect(engine.requests[0]?.adapter).toBe(1);
  });

  it("are saved with names and shapes as PEFT has them", async () => {
    const { policy } = await fakePolicy();
    const dir = mkdtempSync(join(tmpdir(), "agl-adapter-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    await policy.saveAdapter(dir);
    const config = JSON.parse(readFileSync(join(dir, "adapter_config.json"), "utf8"));
    expect(config).toMatchObject({ peft_type: "LORA", r: 2, lora_alpha: 32, use_rslora: false });
    await policy.addAdapter("again", dir);
    await expect(policy.saveAdapter(dir, { name: "x" })).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
