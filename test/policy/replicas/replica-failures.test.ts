// What becomes of a policy on several engines when one of them fails: nothing is changed by half, and what cannot be undone ends it.
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { losses } from "../../../src/policy/losses/index.js";
import { createReplicas } from "../../../src/policy/replicas.js";
import { loadFailures, madeEngines } from "../engine/made-engines.js";
import { FakeEngine } from "../fake-engine.js";
import { type FakePolicy, fakePolicy, isPending, settle } from "../fake-policy.js";
import { qwen2 } from "../fixture-models.js";

vi.mock("../../../src/policy/engine/binding.js", async (original) =>
  (await import("../engine/made-engines.js")).recordEngines(original),
);

const deviceError = { code: "E_DEVICE", message: "expected the device to answer, got: unplugged" };
const isUnplugged = { code: "E_DEVICE", message: expect.stringMatching(/unplugged.*\(on fake:1\)/) };

const open = async () => {
  const made = await fakePolicy({ replicas: 2 });
  const [first, second] = made.engines;
  if (first === undefined || second === undefined) throw new Error("expected two engines");
  return { ...made, first, second };
};
const step = (policy: FakePolicy["policy"]) => policy.optimStep({ lr: 1 });

describe("an engine that fails", () => {
  it("is named by score, which waits for the others and has them stop, and the next call runs", async () => {
    const { policy, first, second } = await open();
    for (const engine of [first, second]) {
      engine.isHeld = true;
      engine.budget = 2;
    }
    second.failure = { call: "forward", error: deviceError };
    const scoring = policy.score([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
    await settle();
    expect([first.log, second.log]).toEqual([["forward"], ["forward"]]);
    second.release();
    expect(await isPending(scoring)).toBe(true);
    first.release();
    await expect(scoring).rejects.toMatchObject(isUnplugged);
    expect([first.log, second.log]).toEqual([["forward"], ["forward"]]);
    for (const engine of [first, second]) engine.isHeld = false;
    await policy.score([[1, 2]]);
  });

  it("is named by a sample that ran on it, and the others go on", async () => {
    const { policy, first, second } = await open();
    second.failure = { call: "sample", error: deviceError };
    const [kept, lost] = await Promise.allSettled(
      [1, 2].map((id) => policy.sample({ prompt: [id], maxTokens: 2 })),
    );
    expect(lost).toMatchObject({ status: "rejected", reason: isUnplugged });
    expect(kept).toMatchObject({ status: "fulfilled", value: [{ finishReason: "length" }] });
    await policy.close();
    expect([first.isClosed, second.isClosed]).toEqual([true, true]);
  });

  it("takes an adapter back from those that had room for it, and the next one has each engine's own handle", async () => {
    const { policy, first, second } = await open();
    second.failure = {
      call: "addAdapter",
      error: { code: "E_MEMORY", message: "policy.addAdapter: expected at most 7 MiB" },
    };
    await expect(policy.addAdapter("other", { rank: 2 })).rejects.toMatchObject({
      code: "E_MEMORY",
      message: "policy.addAdapter: expected at most 7 MiB (on fake:1)",
    });
    expect(policy.adapters).toEqual(["default"]);
    expect([first.log, second.log]).toEqual([["addAdapter", "removeAdapter 1"], ["addAdapter"]]);
    await policy.addAdapter("other", { rank: 2 });
    for (const engine of [first, second]) engine.budget = 2;
    await policy.forwardBackward(
      [
        { tokens: [1, 2], weights: [1] },
        { tokens: [3, 4], weights: [1] },
      ],
      losses.logLikelihood(),
      { adapter: "other" },
    );
    await step(policy);
    await policy.optimStep({ lr: 1, adapter: "other" });
    expect([first, second].map(({ batches }) => batches.map(({ adapter }) => adapter))).toEqual([[2], [1]]);
    const request = { maxTokens: 1, adapter: "other" };
    await Promise.all([1, 2].map((id) => policy.sample({ ...request, prompt: [id] })));
    expect([first, second].map(({ requests }) => requests.map(({ adapter }) => adapter))).toEqual([[2], [1]]);
    expect([first, second].map(({ steps }) => steps.map(({ adapter }) => adapter))).toEqual([
      [0, 2],
      [0, 1],
    ]);
  });

  it("ends the policy where it fails alone in a step: everything rejects, closing works", async () => {
    const { policy, first, second } = await open();
    second.failure = { call: "optimStep", error: deviceError };
    const ended = {
      code: "E_DEVICE",
      message: expect.stringMatching(/same weights.*unplugged.*close the policy/),
    };
    await expect(step(policy)).rejects.toMatchObject(ended);
    expect(policy.version()).toBe(0);
    first.log.length = 0;
    for (const call of [
      () => step(policy),
      () => policy.score([[1, 2]]),
      () => policy.sample({ prompt: [1] }),
      () => policy.gradients(),
      () => policy.zeroGradients(),
      () => policy.saveAdapter("nowhere"),
      () => policy.addAdapter("other"),
    ])
      await expect(call()).rejects.toMatchObject(ended);
    expect(first.log).toEqual([]);
    await policy.close();
    expect([first.log, second.log.at(-1)]).toEqual([["close"], "close"]);
  });

  it.each(["parameters", "setGradients"])("leaves a step that could not begin untaken: %s", async (call) => {
    const { policy, first, second } = await open();
    second.failure = { call, error: deviceError };
    await expect(step(policy)).rejects.toMatchObject(isUnplugged);
    expect([first.steps, second.steps]).toEqual([[], []]);
    expect(first.gradients.every((tensor) => tensor.every((value) => value === 1))).toBe(true);
    expect(await step(policy)).toEqual({ gradNorm: 3, version: 1 });
  });

  it("is not left behind by a load that fails on another", async () => {
    loadFailures.push(undefined, { code: "E_MEMORY", message: "loadPolicy: expected at most 7 MiB" });
    await expect(loadPolicy(qwen2, { device: "cpu", testing: { replicas: 2 } })).rejects.toMatchObject({
      code: "E_MEMORY",
      message: "loadPolicy: expected at most 7 MiB (on cpu)",
    });
    const made = madeEngines.slice(-2);
    expect(made).toHaveLength(2);
    for (const { engine } of made) expect(() => engine.parameters(-1, "value")).toThrow(/closed/);
  });
});

afterEach(() => {
  loadFailures.length = 0;
});

describe("engines that go on", () => {
  it("take every step from the sum of their gradients", async () => {
    const { policy, first, second } = await open();
    const sum = [...(await policy.gradients()).values()];
    expect(sum.every((tensor) => tensor.every((value) => value === 2))).toBe(true);
    expect(await step(policy)).toEqual({ gradNorm: 3, version: 1 });
    for (const engine of [first, second]) {
      expect(engine.gradients).toEqual(sum);
      expect(engine.log.slice(-2)).toEqual(["setGradients 0", "optimStep 0"]);
    }
  });

  it("have their own gradients back when all refuse a step", async () => {
    const { policy, first, second } = await open();
    for (const engine of [first, second])
      engine.failure = { call: "optimStep", error: { code: "E_NONFINITE", message: "norm NaN" } };
    await expect(step(policy)).rejects.toMatchObject({ code: "E_NONFINITE" });
    for (const { gradients } of [first, second])
      expect(gradients.every((tensor) => tensor.every((value) => value === 1))).toBe(true);
    expect(await step(policy)).toEqual({ gradNorm: 3, version: 1 });
  });

  it("are refused when their steps differ", async () => {
    const { policy, second } = await open();
    await second.optimStep({ adapter: 0 } as never);
    const error = { code: "E_EXACTNESS", message: expect.stringMatching(/version 1, norm 3 to version 2/) };
    await expect(step(policy)).rejects.toMatchObject(error);
    await expect(policy.score([[1, 2]])).rejects.toMatchObject(error);
    await policy.close();
  });

  it("are refused when they compute other bits, each named", () => {
    const [a, b] = [new FakeEngine(), new FakeEngine()];
    b.arithmetic = () => "other-r1";
    expect(() =>
      createReplicas(
        [
          { name: "cuda:0", engine: a },
          { name: "cuda:1", engine: b },
        ],
        64,
      ),
    ).toThrow(
      expect.objectContaining({
        code: "E_DEVICE",
        message: expect.stringMatching(/fake-r1 on cuda:0 and other-r1 on cuda:1/),
      }),
    );
  });

  it("cancel a sample where it runs", async () => {
    const { policy, first, second } = await open();
    for (const engine of [first, second]) engine.isHeld = true;
    const abort = new AbortController();
    const kept = policy.sample({ prompt: [1], maxTokens: 1 });
    const given = policy.sample({ prompt: [2], maxTokens: 1, signal: abort.signal });
    await settle();
    abort.abort("enough");
    await expect(given).rejects.toBe("enough");
    expect([first.log, second.log]).toEqual([["sample 0"], ["sample 1", "cancel 1 -1 0"]]);
    for (const engine of [first, second]) engine.release();
    expect((await kept)[0]?.finishReason).toBe("length");
  });
});
