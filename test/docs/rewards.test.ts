// The snippets of docs/rewards.md run, and give what the page says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as agl from "../../src/index.js";
import { call, view } from "../reward/views.js";
import { root } from "../rules/sources.js";

const page = readFileSync(join(root, "docs", "rewards.md"), "utf8");
const snippets = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
/** Runs a snippet without its types; `last` is what it gives. */
const run = (code: string, last: string): unknown => {
  const plain = code.replace(/^import .*$/gm, "").replaceAll(": Reward =", " =");
  return new Function("agl", "rewards", "llm", `${plain}\nreturn ${last};`)(agl, agl.rewards, agl.llm);
};

it("functions of an answer give what stands beside them", () => {
  const lines = [...(snippets[0] ?? "").matchAll(/^(rewards\..*); \/\/ (.*)$/gm)];
  expect(lines.length).toBe(6);
  for (const [, code = "", worth = ""] of lines) expect(run("", code), code).toEqual(JSON.parse(worth));
});

it("a reward of one's own is read from what was emitted", () => {
  const style = run(snippets[1] ?? "", "style") as agl.Reward;
  const emitted = [{ spanId: "s", name: "style", value: 0.5 }];
  const group = { task: 0, rollouts: [view(call()), { ...view(call()), emitted }] };
  expect(style.score(group, {} as never)).toEqual([{ score: null }, { score: 0.5 }]);
});

it("a judge is made as the page makes it", () => {
  expect(run(snippets[2] ?? "", "helpful")).toMatchObject({ name: "judge", kind: "outcome", when: "train" });
  expect(snippets).toHaveLength(3);
});

it("the defaults of signals are those of the page", () => {
  const worth = Object.fromEntries(
    [...page.matchAll(/^\| `(\w+)` \| (-?[\d.]+) \|/gm)].map(([, name, value]) => [name, Number(value)]),
  );
  expect(Object.keys(worth)).toHaveLength(8);
  const wrong = call({ malformedCalls: 1, finishReason: "length", exceptions: ["x"] });
  const score = (options: agl.SignalOptions) =>
    (
      agl.rewards
        .signals(options)
        .score({ task: 0, rollouts: [view(wrong)] }, {} as never) as agl.RolloutScore[]
    )[0];
  expect(score({})).toEqual(score(worth));
});
