// What a run writes and the table of metrics are the same names; and the numbers are what the table says of them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { GrpoOptions } from "../../src/algorithms/grpo-options.js";
import { credit } from "../../src/credit/index.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import type { ForwardBackwardResult, Policy } from "../../src/policy/policy.js";
import { rewards } from "../../src/reward/index.js";
import { emitReward } from "../../src/tracing/emit.js";
import { asAgent } from "../../src/tracing/operation.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../src/trainer/trainer.js";
import { metricOf, metrics } from "../../src/types/metrics.js";
import { qwen2 } from "../policy/fixture-models.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = async (content: string) =>
  (await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] })).choices[0]
    ?.message.content ?? "";

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-metrics-"));
});
afterAll(() => rmSync(out, { recursive: true }));

const adapted = () => loadPolicy(qwen2, { contextLength: 256, threads: 1, seed: 1, adapter: { rank: 2 } });

const trainerOf = (policy: Policy, options: GrpoOptions, more: Partial<TrainerOptions<string>> = {}) =>
  createTrainer<string>({
    policy,
    agent: async (task) =>
      ([...(await ask(task))].reduce((sum, c) => sum + (c.codePointAt(0) ?? 0), 0) % 3) / 2,
    algorithm: grpo({ groupSize: 4, lr: 1e-2, ...options }),
    sampling: { maxTokens: 4 },
    ...more,
  });

/** The policy, and what its losses said and its steps' gradients measured. */
function watched(policy: Policy) {
  const losses: ForwardBackwardResult[] = [];
  const norms: number[] = [];
  const watch: Partial<Policy> = {
    forwardBackward: async (...of) => {
      const result = await policy.forwardBackward(...of);
      losses.push(result);
      return result;
    },
    optimStep: async (of) => {
      const result = await policy.optimStep(of);
      norms.push(result.gradNorm);
      return result;
    },
  };
  const proxy = new Proxy(policy, {
    get: (target, key) => Reflect.get(watch, key) ?? Reflect.get(target, key),
  });
  return { policy: proxy, losses, norms };
}

describe("the metrics of a run", () => {
  it("are all in the table, and the table has no other", async () => {
    const metricsFile = join(out, "metrics.jsonl");
    const written = new Set<string>();
    const runs: readonly GrpoOptions[] = [
      {},
      { updates: 2, loss: { kl: { kind: "k3", coefficient: 0.01 }, entropy: { coefficient: 0.01 } } },
      { loss: { correction: { kind: "tis" } }, credit: credit.gigpo() },
    ];
    const schema = { enum: ["yes", "no"] };
    const response_format = {
      type: "json_schema",
      json_schema: { name: "answer", strict: true, schema },
    } as const;
    const constrained = async (content: string) => {
      const messages = [{ role: "user" as const, content }];
      await client.chat.completions.create({ model: "m", messages, response_format });
      emitReward({ primary: 0, NAME: 1 }, { primaryKey: "primary" });
      return (await ask(content)).length % 3;
    };
    const none = { type: "object", properties: {}, additionalProperties: false } as const;
    const tool = { type: "function", function: { name: "look", parameters: none } } as const;
    const called = async (content: string) => {
      const messages = [{ role: "user" as const, content }];
      await client.chat.completions.create({ model: "m", messages, tools: [tool], tool_choice: "required" });
    };
    const together = async (content: string) => {
      await asAgent("finder", () => called(content));
      return asAgent("checker", () => constrained(content));
    };
    for (const options of runs) {
      await using policy = await adapted();
      await using trainer = trainerOf(policy, options, {
        ...{ metricsFile, agent: together },
        sampling: { maxTokens: 40 },
        rewards: [rewards.signals()],
      });
      await trainer.fit([["a", "b"]], { validation: ["c", "d"], every: 1 });
      await trainer.evaluate(["c", "d"], { prefix: "eval/greedy/" });
      await trainer.step(["a", "b"]);
    }
    for (const line of readFileSync(metricsFile, "utf8").trim().split("\n"))
      for (const name of Object.keys(JSON.parse(line))) written.add(name);
    const unknown = [...written].filter((name) => metricOf(name) === undefined);
    expect(unknown).toEqual([]);
    const known = new Set([...written].map((name) => metricOf(name)?.name));
    expect(metrics.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
  });

  it("stand in the file in the order of the table, times last", async () => {
    const metricsFile = join(out, "ordered.jsonl");
    await using policy = await adapted();
    await using trainer = trainerOf(policy, {}, { metricsFile });
    await trainer.step(["a", "b"]);
    const names = Object.keys(JSON.parse(readFileSync(metricsFile, "utf8")));
    const order = metrics.map(({ name }) => name as string).filter((name) => names.includes(name));
    expect(names.filter((name) => !name.startsWith("time/"))).toEqual(
      order.filter((name) => !name.startsWith("time/")),
    );
    expect(names.slice(-4).every((name) => name.startsWith("time/"))).toBe(true);
  });

  it("of several updates are their extremes and their means over tokens", async () => {
    await using policy = await adapted();
    const { policy: spy, losses, norms } = watched(policy);
    let rollouts = 0;
    const options = { updates: 3, lr: 0.3, batches: "split", optimizer: { maxGradNorm: 100 } } as const;
    // Four groups that teach, of which the first update sees two.
    const agent = async () => Number((await ask("a")) !== null && rollouts++ % 2);
    await using trainer = trainerOf(spy, options, { agent, concurrency: 1 });
    const { metrics: row } = await trainer.step(["a", "b", "c", "d"]);
    const of = (name: string) => losses.map(({ metrics: numbers }) => numbers[name] ?? Number.NaN);
    const tokens = of("tokens");
    const total = tokens.reduce((a, b) => a + b);
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value, i) => sum + value * (tokens[i] ?? 0), 0) / total;
    expect(losses.length).toBeGreaterThan(2);
    expect(new Set(tokens).size).toBeGreaterThan(1);
    expect(row["update/ratioMin"]).toBe(Math.min(...of("ratioMin")));
    expect(row["update/ratioMax"]).toBe(Math.max(...of("ratioMax")));
    expect(row["update/ratioMax"]).toBeGreaterThan(1.28);
    expect(row["update/grad_norm_max"]).toBe(Math.max(...norms));
    expect(row["update/tokens"]).toBe(total);
    for (const name of ["clipFraction", "clipHigh", "clipLow", "klOld", "ratioMean", "logprob"])
      expect(row[`update/${name}`], name).toBeCloseTo(mean(of(name)), 9);
    expect(row["update/loss"]).toBeCloseTo(mean(losses.map(({ loss }) => loss)), 9);
  });

  it.each([1, 3])(
    "say how far a step of %d updates moved the policy on its own rows, after it",
    async (updates) => {
      await using policy = await adapted();
      await using trainer = trainerOf(policy, { updates, lr: 0.05 }, { klEvery: 1 });
      for (let step = 0; step < 3; step++) {
        const { metrics: row, rollouts } = await trainer.step(["a", "b", "c"]);
        const alive = rollouts.filter(({ task }, _, all) => {
          const rewards = all.filter((other) => other.task === task).map(({ reward }) => reward);
          return new Set(rewards).size > 1;
        });
        const rows = alive.flatMap(({ trajectories }) => trajectories);
        const now = await policy.score(rows.map((trajectory) => trajectory.tokens));
        const moves = rows.flatMap(({ mask, sampledLogprobs }, r) =>
          mask.flatMap((counts, t) =>
            counts ? [Number(now[r]?.logprobs[t]) - Number(sampledLogprobs?.[t])] : [],
          ),
        );
        const ratios = moves.map(Math.exp);
        expect(row["update/ratio_min"]).toBe(Math.min(...ratios));
        expect(row["update/ratio_max"]).toBe(Math.max(...ratios));
        expect(row["update/ratio_max"]).not.toBe(1);
        const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
        expect(row["update/ratio_mean"]).toBeCloseTo(mean(ratios), 12);
        expect(row["update/kl"]).toBeCloseTo(mean(moves.map((d) => Math.exp(d) - 1 - d)), 12);
        expect(row["update/kl"]).toBeGreaterThan(0);
        // Read before the only update it would be 1, whatever the update did.
        expect("update/ratioMean" in row).toBe(updates > 1);
      }
    },
  );

  it.each([
    [undefined, [0, 10]],
    [1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [4, [0, 4, 8]],
    [null, []],
  ] as const)("have the move at klEvery %s on steps %j", async (klEvery, expected) => {
    await using policy = await adapted();
    await using trainer = trainerOf(policy, { groupSize: 2 }, klEvery === undefined ? {} : { klEvery });
    const measured: number[] = [];
    for (let step = 0; step < 11; step++)
      if ("update/kl" in (await trainer.step(["a", "b", "c"])).metrics) measured.push(step);
    expect(measured).toEqual(expected);
  });

  it("have a row for a step without an update, with all that means something then", async () => {
    await using policy = await adapted();
    await using trainer = trainerOf(policy, {}, { agent: async () => Number((await ask("a")) !== null) });
    const { metrics: row } = await trainer.step(["a", "b"]);
    expect(row).toMatchObject({
      "update/count": 0,
      "update/tokens": 0,
      "exact/compared": 0,
      "groups/dead": 1,
    });
    expect(row["calls/entropy"]).toBeGreaterThan(0);
    expect(Object.keys(row).filter((name) => /update\/(kl|ratio|loss|grad)/.test(name))).toEqual([]);
  });

  it("of an evaluation stand in the row of the step after it, and in no later one", async () => {
    await using policy = await adapted();
    await using trainer = trainerOf(policy, {});
    await trainer.evaluate(["a", "b"]);
    const evaluated = async () =>
      Object.keys((await trainer.step(["a", "b"])).metrics).filter((name) => name.includes("eval/")).length;
    expect(await evaluated()).toBeGreaterThan(10);
    expect(await evaluated()).toBe(0);
    await trainer.evaluate(["a", "b"], { prefix: "eval/again/" });
    expect(await evaluated()).toBeGreaterThan(10);
    expect(await evaluated()).toBe(0);
  });
});
