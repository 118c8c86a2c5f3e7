import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Aggregate } from "../../../src/policy/losses/aggregate.js";
import { checkLoss } from "../../../src/policy/losses/check-loss.js";
import { losses } from "../../../src/policy/losses/index.js";
import type { PpoClipOptions } from "../../../src/policy/losses/ppo-clip.js";
import { createUpdate, type FullUpdate, isNear } from "./update.js";

const aggregates: readonly Aggregate[] = [
  { by: "token" },
  { by: "sequence-mean" },
  { by: "sequence-sum" },
  { by: "constant", length: 11 },
  { by: "rollout" },
  { by: "group" },
  { by: "sum" },
  { by: "token", total: 100 },
  { by: "rollout", total: 5 },
];
const kinds = ["k1", "k2", "k3"] as const;

/** The loss as the papers write it, term by term, in JavaScript. */
function written(u: FullUpdate, o: PpoClipOptions, aggregate: Aggregate): number {
  const { low = 0.2, high = 0.28 } = o;
  const term = (t: number) => {
    const [lp, a, d] = [u.logprobs[t]!, u.advantages[t]!, u.refLogprobs[t]! - u.logprobs[t]!];
    const rho = Math.exp(lp - u.oldLogprobs[t]!);
    let l = -Math.min(rho * a, Math.min(Math.max(rho, 1 - low), 1 + high) * a);
    if (o.dualClip !== undefined && a < 0) l = Math.min(l, -o.dualClip * a);
    if (o.kl) l += o.kl.coefficient * { k1: -d, k2: (d * d) / 2, k3: Math.exp(d) - d - 1 }[o.kl.kind];
    return l - (o.entropy?.coefficient ?? 0) * u.entropies[t]!;
  };
  const sequences = [0, 1, 2, 3].map((s) => {
    const kept = [...u.mask.keys()].filter(
      (t) => t >= u.offsets[s]! && t < u.offsets[s + 1]! && u.mask[t] === 1,
    );
    return { s, n: kept.length, sum: kept.reduce((sum, t) => sum + term(t), 0) };
  });
  const pooled = (ids: ArrayLike<number>) =>
    [...new Set(Array.from(ids))].map((id) => {
      const own = sequences.filter(({ s }) => ids[s] === id);
      return { n: own.reduce((n, q) => n + q.n, 0), sum: own.reduce((sum, q) => sum + q.sum, 0) };
    });
  const filled = sequences.filter(({ n }) => n > 0);
  const { by } = aggregate;
  const total = "total" in aggregate ? aggregate.total : undefined;
  const sum = sequences.reduce((all, q) => all + q.sum, 0);
  if (by === "sum") return sum;
  if (by === "token") return sum / (total ?? sequences.reduce((n, q) => n + q.n, 0));
  if (by === "sequence-sum") return sum / (total ?? filled.length);
  if (by === "constant") return sum / (total ?? filled.length) / aggregate.length;
  const units = (by === "sequence-mean" ? filled : pooled(by === "rollout" ? u.rollouts : u.groups)).filter(
    ({ n }) => n > 0,
  );
  return units.reduce((mean, q) => mean + q.sum / q.n, 0) / (total ?? units.length);
}

describe("losses.ppoClip", () => {
  it("has the value of its formula under every option and aggregation", () => {
    for (const aggregate of aggregates) {
      for (const kind of kinds) {
        for (const dualClip of [undefined, 1.5]) {
          const options = {
            kl: { kind, coefficient: 0.3 },
            entropy: { coefficient: 0.1 },
            ...(dualClip ? { dualClip } : {}),
          };
          const u = createUpdate(7);
          const { loss } = losses.ppoClip({ ...options, aggregate }).evaluate(u);
          expect(
            isNear(loss, written(u, options, aggregate), 1e-14, 1e-12),
            JSON.stringify({ aggregate, kind, dualClip }),
          ).toBe(true);
        }
      }
    }
  });

  it("has derivatives that are central differences under every option and aggregation", () => {
    const u = createUpdate();
    for (const aggregate of aggregates) {
      for (const kind of kinds) {
        for (const coefficient of [0, 0.3]) {
          for (const more of [{}, { dualClip: 3 }, { low: 0.1, high: 0.1 }]) {
            const options = { ...more, kl: { kind, coefficient }, entropy: { coefficient }, aggregate };
            expect(checkLoss(losses.ppoClip(options), u).compared).toBe(46);
          }
        }
      }
    }
  });

  it("is the policy gradient at ratio 1, with or without the numbers at update start", () => {
    const { oldLogprobs: _, ...fresh } = createUpdate();
    for (const u of [fresh, { ...fresh, oldLogprobs: fresh.logprobs.slice() }]) {
      const { dLogprobs, metrics } = losses.ppoClip({ aggregate: { by: "sum" } }).evaluate(u);
      expect([...dLogprobs]).toEqual([...u.mask].map((m, t) => (m === 1 ? -u.advantages[t]! : 0)));
      expect(metrics).toMatchObject({ ratioMean: 1, ratioMin: 1, ratioMax: 1, klOld: 0, clipFraction: 0 });
    }
  });

  it("gives clipped tokens no derivative and counts them by side", () => {
    const u: FullUpdate = {
      ...createUpdate(),
      offsets: Int32Array.of(0, 8),
      logprobs: new Float64Array(8).fill(-1),
      oldLogprobs: Float64Array.of(-1.5, -1.5, -0.5, -0.5, -0.4, -3, -3, -4),
      advantages: Float64Array.of(1, -1, 1, -1, -1, -1, -1, -1),
      mask: new Float64Array(8).fill(1),
      weights: new Float64Array(8).fill(1),
    };
    const { entropies: _, refLogprobs: __, sampledLogprobs: ___, ...plain } = u;
    const { dLogprobs, metrics } = losses.ppoClip({ dualClip: 3 }).evaluate(plain);
    expect([...dLogprobs.keys()].filter((t) => dLogprobs[t] !== 0)).toEqual([1, 2]);
    const [clipHigh, clipLow, clipDual] = [1 / 8, 2 / 8, 3 / 8];
    expect(metrics).toMatchObject({ clipHigh, clipLow, clipDual, clipFraction: 3 / 8, tokens: 8 });
    expect(metrics).not.toHaveProperty("klRef");
  });

  it("does not clip a token on the edge itself", () => {
    const one = (high: number) => ({
      offsets: Int32Array.of(0, 1),
      logprobs: Float64Array.of(Math.log(2)),
      oldLogprobs: Float64Array.of(0),
      advantages: Float64Array.of(1),
      mask: Float64Array.of(1),
      weights: Float64Array.of(1),
      high,
    });
    const rho = losses.ppoClip({ high: 5 }).evaluate(one(5)).metrics.ratioMax!;
    expect(losses.ppoClip({ high: rho - 1 }).evaluate(one(1)).metrics.clipHigh).toBe(0);
    expect(losses.ppoClip({ high: rho - 1 - 1e-9 }).evaluate(one(1)).metrics.clipHigh).toBe(1);
  });

  it("has a KL of at least 0, and of 0 with derivative 0 at equality, in k2 and k3", () => {
    for (const kind of ["k2", "k3"] as const) {
      const loss = losses.ppoClip({ kl: { kind, coefficient: 1 }, aggregate: { by: "sum" } });
      const u = createUpdate();
      const still = { ...u, advantages: new Float64Array(23), refLogprobs: u.logprobs.slice() };
      expect(loss.evaluate(still)).toMatchObject({ loss: 0, metrics: { klRef: 0 } });
      expect(loss.evaluate(still).dLogprobs.every((d) => d === 0)).toBe(true);
      for (let x = 1e-12; x < 30; x *= 3) {
        for (const d of [x, -x]) {
          const moved = { ...still, refLogprobs: u.logprobs.map((lp) => lp + d) };
          expect(loss.evaluate(moved).loss).toBeGreaterThanOrEqual(0);
        }
      }
    }
  });

  it("adds up: two calls with the denominator given have the value and the derivatives of one", () => {
    const u = createUpdate();
    const sequenceCounts = [0, 1, 2, 3].map((s) =>
      u.mask.slice(u.offsets[s], u.offsets[s + 1]).reduce((n, m) => n + m, 0),
    );
    const tokens = sequenceCounts.reduce((n, m) => n + m, 0);
    const part = (from: number, to: number) => {
      const [begin, end] = [u.offsets[from]!, u.offsets[to]!];
      const cut = Object.entries(u).map(([k, v]) => [
        k,
        v.length === 23 ? v.slice(begin, end) : v.slice(from, to),
      ]);
      const offsets = u.offsets.slice(from, to + 1).map((o) => o - begin);
      return { ...(Object.fromEntries(cut) as FullUpdate), offsets };
    };
    const filled = sequenceCounts.filter((n) => n > 0).length;
    const totals: readonly (readonly [Aggregate, Aggregate])[] = [
      [{ by: "token" }, { by: "token", total: tokens }],
      [{ by: "sequence-mean" }, { by: "sequence-mean", total: filled }],
      [{ by: "sequence-sum" }, { by: "sequence-sum", total: filled }],
      [
        { by: "constant", length: 11 },
        { by: "constant", length: 11, total: filled },
      ],
      [{ by: "group" }, { by: "group", total: 2 }],
      [{ by: "sum" }, { by: "sum" }],
    ];
    for (const [whole, split] of totals) {
      const kl = { kind: "k3", coefficient: 0.04 } as const;
      const one = losses.ppoClip({ kl, aggregate: whole }).evaluate(u);
      const parts = [part(0, 2), part(2, 4)].map((p) => losses.ppoClip({ kl, aggregate: split }).evaluate(p));
      expect(parts.flatMap((p) => [...p.dLogprobs])).toEqual([...one.dLogprobs]);
      expect(isNear(parts[0]!.loss + parts[1]!.loss, one.loss, 1e-15, 1e-14)).toBe(true);
      for (const name of ["klRef", "clipFraction", "ratioMean", "entropy"]) {
        const sum = parts.reduce((all, { metrics }) => all + metrics[name]! * metrics.tokens!, 0);
        expect(isNear(sum / tokens, one.metrics[name]!, 1e-14, 1e-13), name).toBe(true);
      }
    }
  });

  it("gives the recorded loss, KL and clip fraction of a clipped update", () => {
    const t = readTensors(new URL("../../fixtures/models/qwen2/expected.safetensors", import.meta.url));
    const result = losses
      .ppoClip({ kl: { kind: "k3", coefficient: 0.04 }, aggregate: { by: "token" } })
      .evaluate({
        offsets: Int32Array.of(0, 47, 94, 141),
        logprobs: t("lora.logprobs"),
        mask: t("grpo.mask"),
        weights: t("grpo.mask"),
        entropies: t("lora.entropy"),
        advantages: Float64Array.from({ length: 141 }, (_, i) => t("grpo.advantages")[Math.floor(i / 47)]!),
        oldLogprobs: t("grpo.old_logprobs"),
        refLogprobs: t("base.logprobs"),
      });
    expect(isNear(result.loss, t("grpo.loss")[0]!, 1e-14, 0)).toBe(true);
    expect(isNear(result.metrics.klRef!, t("grpo.kl")[0]!, 1e-13, 0)).toBe(true);
    expect(isNear(result.metrics.clipFraction!, t("grpo.clip_fraction")[0]!, 1e-16, 0)).toBe(true);
  });

  it("refuses options out of range and evaluation without what it reads", () => {
    expect(() => losses.ppoClip({ low: -0.1 })).toThrow(
      "losses.ppoClip: expected low to be a finite number from 0 to 1",
    );
    expect(() => losses.ppoClip({ dualClip: 1.2 })).toThrow("dualClip above 1 + high");
    expect(() => losses.ppoClip({ kl: { kind: "k4" as "k3", coefficient: 1 } })).toThrow('"k2"');
    expect(() => losses.ppoClip({ kl: { kind: "k3" } as never })).toThrow("kl.coefficient");
    expect(() => losses.ppoClip({ aggregate: { by: "mean" as "token" } })).toThrow("aggregate.by");
    expect(() => losses.ppoClip({ aggregate: { by: "token", total: 0 } })).toThrow("aggregate.total above 0");
    expect(() => losses.ppoClip({ aggregate: { by: "constant" } as never })).toThrow("aggregate.length");
    expect(() => losses.ppoClip({ aggregate: { by: "sum", total: 3 } as never })).toThrow(
      "no aggregate.total",
    );
    const { refLogprobs: _, ...withoutRef } = createUpdate();
    expect(() => losses.ppoClip({ kl: { kind: "k3", coefficient: 1 } }).evaluate(withoutRef)).toThrow(
      "refLogprobs",
    );
    expect(() => losses.ppoClip().evaluate({ ...createUpdate(), mask: new Float64Array(3) })).toThrow(
      "losses.ppoClip: expected mask to have 23 elements, as logprobs, got 3",
    );
    const { entropies: ___, ...withoutEntropies } = createUpdate();
    expect(() => losses.ppoClip({ entropy: { coefficient: 1 } }).evaluate(withoutEntropies)).toThrow(
      "entropies",
    );
    const { rollouts: __, ...withoutRollouts } = createUpdate();
    expect(() => losses.ppoClip({ aggregate: { by: "rollout" } }).evaluate(withoutRollouts)).toThrow(
      "rollouts",
    );
  });
});

function readTensors(file: URL): (name: string) => Float64Array {
  const bytes = readFileSync(file);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes));
  return (name) => {
    const [begin, end] = header[name].data_offsets.map((offset: number) => offset + 8 + headerBytes);
    expect(header[name].dtype).toBe("F64");
    return new Float64Array(Uint8Array.from(bytes.subarray(begin, end)).buffer);
  };
}
