import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import { type FakePolicy, fakePolicy, isPending, settle } from "./fake-policy.js";
import { qwen2 } from "./fixture-models.js";

let out: string;
beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "agl-states-"));
  const { policy } = await fakePolicy();
  await policy.saveCheckpoint(join(out, "stored"));
});
afterAll(() => rmSync(out, { recursive: true }));

const shared: Record<string, (policy: Policy) => Promise<unknown>> = {
  sample: (policy) => policy.sample({ prompt: [1, 2], maxTokens: 3 }),
};
const lone: Record<string, (policy: Policy) => Promise<unknown>> = {
  score: (policy) => policy.score([[1, 2, 3]]),
  forwardBackward: (policy) =>
    policy.forwardBackward([{ tokens: [1, 2, 3], weights: [1, 1] }], losses.logLikelihood()),
  gradients: (policy) => policy.gradients(),
  zeroGradients: (policy) => policy.zeroGradients(),
  optimStep: (policy) => policy.optimStep({ lr: 1e-3 }),
  addAdapter: (policy) => policy.addAdapter("other", join(qwen2, "adapter")),
  removeAdapter: (policy) => policy.removeAdapter("default"),
  saveAdapter: (policy) => policy.saveAdapter(join(out, "adapter")),
  saveCheckpoint: (policy) => policy.saveCheckpoint(join(out, "checkpoint")),
  loadCheckpoint: (policy) => policy.loadCheckpoint(join(out, "stored")),
};
const free: Record<string, (policy: Policy) => Promise<unknown>> = {
  constrain: (policy) => policy.constrain({ rules: [{ kind: "text", text: "a" }] }),
};
const all = { ...shared, ...lone };

/** A policy in a state; `leave` lets go whatever keeps it there. */
type State = () => Promise<Pick<FakePolicy, "policy" | "engine"> & { leave: () => Promise<void> }>;

async function release(engine: FakePolicy["engine"], running: Promise<unknown>): Promise<void> {
  engine.release();
  await running;
}

/** Of a policy on that many engines; what runs runs on the first. */
function statesOf(replicas: number): Record<"fresh" | "sampling" | "training" | "waiting" | "closed", State> {
  const fresh: State = async () => ({ ...(await fakePolicy({ replicas })), leave: settle });

  const sampling: State = async () => {
    const { policy, engine } = await fakePolicy({ replicas });
    engine.isHeld = true;
    const running = policy.sample({ prompt: [9], maxTokens: 1 });
    await settle();
    engine.isHeld = false;
    return { policy, engine, leave: () => release(engine, running) };
  };

  const training: State = async () => {
    const { policy, engine } = await fakePolicy({ replicas });
    engine.isHeld = true;
    const running = policy.score([[9, 8]]);
    await settle();
    engine.isHeld = false;
    return { policy, engine, leave: () => release(engine, running) };
  };

  const waiting: State = async () => {
    const before = await sampling();
    const queued = before.policy.zeroGradients();
    queued.catch(() => undefined);
    await settle();
    return {
      ...before,
      leave: async () => {
        await before.leave();
        await queued;
      },
    };
  };

  const closed: State = async () => {
    const { policy, engine } = await fakePolicy({ replicas });
    await policy.close();
    return { policy, engine, leave: settle };
  };
  return { fresh, sampling, training, waiting, closed };
}

describe.each([1, 2])("the states of a policy on engines: %i", (replicas) => {
  const { fresh, sampling, training, waiting, closed } = statesOf(replicas);

  it.each(Object.entries({ ...all, ...free }))("fresh: %s runs", async (_name, call) => {
    const { policy } = await fresh();
    await call(policy);
  });

  it.each(
    [sampling, training, waiting].flatMap((enter) =>
      Object.entries(free).map(([name, call]) => [name, enter, call] as const),
    ),
  )("sampling, training, a call waiting: %s runs at once", async (_name, enter, call) => {
    const { policy, leave } = await enter();
    await call(policy);
    await leave();
  });

  it.each(Object.entries(shared))("sampling: %s joins", async (_name, call) => {
    const { policy, leave } = await sampling();
    await call(policy);
    await leave();
  });

  const waits = [
    ...Object.entries(lone).map(([name, call]) => ["sampling", name, sampling, call] as const),
    ...Object.entries(all).map(([name, call]) => ["training", name, training, call] as const),
    ...Object.entries(all).map(([name, call]) => ["a call waiting", name, waiting, call] as const),
  ];
  it.each(waits)("%s: %s waits and then runs", async (_state, _name, enter, call) => {
    const { policy, leave } = await enter();
    const calling = call(policy);
    expect(await isPending(calling)).toBe(true);
    await leave();
    await calling;
  });

  it.each(
    Object.entries({ ...all, ...free, saveModel: (policy: Policy) => policy.saveModel(join(out, "model")) }),
  )("closed: %s rejects with E_CLOSED", async (name, call) => {
    const { policy, engine } = await closed();
    engine.log.length = 0;
    await expect(call(policy)).rejects.toMatchObject({
      code: "E_CLOSED",
      message: `policy.${name}: expected the policy to be open, it was closed`,
    });
    expect(engine.log).toEqual([]);
  });

  it.each([
    ["sampling", sampling, "sample", shared.sample],
    ["training", training, "sample", shared.sample],
    ["a call waiting", waiting, "score", lone.score],
  ] as const)(
    "%s: close rejects what runs and what waits with E_CLOSED",
    async (_state, enter, _name, call) => {
      const { policy, engine, leave } = await enter();
      engine.isHeld = true;
      const calling = call?.(policy) ?? Promise.resolve();
      calling.catch(() => undefined);
      const left = leave().catch((error: unknown) => error);
      await policy.close();
      await expect(calling).rejects.toMatchObject({ code: "E_CLOSED" });
      expect(await left).toMatchObject({ code: "E_CLOSED" });
      expect(engine.log).toContain("close");
    },
  );

  it.each(Object.entries({ fresh, sampling, training, waiting, closed }))(
    "%s: reading the tokenizer, the configuration and the adapters' names works",
    async (_state, enter) => {
      const { policy, leave } = await enter();
      expect(policy.tokenizer.decode(policy.tokenizer.encode("hello"))).toBe("hello");
      expect(policy.renderChat([{ role: "user", content: "hi" }]).ids.length).toBeGreaterThan(0);
      expect(policy.config.layers).toBe(3);
      expect(policy.arithmetic).toBe("fake-r1");
      expect(policy.adapters).toEqual(["default"]);
      await leave();
    },
  );

  it("closes once, with await using too, and resolves only when the engine has answered what it owed", async () => {
    const { policy, engine } = await fakePolicy({ replicas });
    engine.isHeld = true;
    const running = policy.sample({ prompt: [1] }).catch((error: unknown) => error);
    await settle();
    await Promise.all([policy.close(), policy.close(), policy[Symbol.asyncDispose]()]);
    expect(engine.log.filter((line) => line === "close")).toHaveLength(1);
    expect(engine.owed).toBe(0);
    expect(await isPending(running)).toBe(false);
  });

  it("knows the plan and the versions until it is closed", async () => {
    const { policy } = await fakePolicy({ replicas });
    expect(policy.plan.total).toBe(6 * replicas);
    expect(policy.version()).toBe(0);
    await policy.optimStep({ lr: 0 });
    expect([policy.version(), policy.version("default"), policy.version("base")]).toEqual([1, 1, 0]);
    await policy.close();
    expect(() => policy.plan).toThrow(expect.objectContaining({ code: "E_CLOSED" }));
    expect(() => policy.version()).toThrow(expect.objectContaining({ code: "E_CLOSED" }));
  });
});
