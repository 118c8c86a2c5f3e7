import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as agl from "../../../src/index.js";
import { outcome, refused } from "../../call-outcome.js";
import { qwen2 } from "../fixture-models.js";

let policy: agl.Policy;
beforeAll(async () => {
  policy = await agl.loadPolicy(qwen2, { contextLength: 64, cacheTokens: 256 });
});
afterAll(() => policy.close());

describe("the projections of an adapter", () => {
  it.each<[string, agl.AdapterOptions["targets"]]>([
    ["PEFT's names", ["q_proj", "v_proj"]],
    ["ours", ["v", "q"]],
    ["both, and one twice", ["q", "q_proj", "v_proj"]],
    ["the ends of their paths", ["self_attn.q_proj", "self_attn.v_proj"] as never],
  ])("may be given by %s", async (_what, targets) => {
    await policy.addAdapter("named", targets === undefined ? {} : { targets, rank: 2 });
    const trained = [...(await policy.gradients("named")).keys()].map((name) => name.split(".").at(-3));
    await policy.removeAdapter("named");
    expect([...new Set(trained)]).toEqual(["q_proj", "v_proj"]);
  });

  it('are all seven as "all-linear"', async () => {
    await policy.addAdapter("all", { targets: "all-linear", rank: 2 });
    const { size } = await policy.gradients("all");
    await policy.removeAdapter("all");
    expect(size).toBe(14 * policy.config.layers);
  });

  it.each<[unknown, string]>([
    ["q_proj", 'write ["q_proj"]'],
    [["q_porj"], "did you mean q_proj?"],
    [["query"], 'got "query"'],
    [["lm_head"], 'got "lm_head"'],
    [[], "got an array of 0"],
    [[7], "got 7"],
    [{ q: true }, "got object Object"],
    ["all_linear", 'to be "all-linear" or a list'],
  ])("are not %j", async (targets, message) => {
    const error = await outcome(() => policy.addAdapter("wrong", { targets } as never));
    expect(error).toEqual(
      refused(/^policy\.addAdapter: expected adapter\.targets to be "all-linear" or a list of q, k/),
    );
    expect(String(error)).toContain(message);
  });
});
