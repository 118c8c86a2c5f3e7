// The snippets of docs/credit.md, run as they stand.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript-5";
import { expect, it } from "vitest";
import * as agl from "../../src/index.js";
import type { Credit, CreditGroup } from "../../src/types/credit.js";
import { root } from "../rules/sources.js";

const page = readFileSync(join(root, "docs/credit.md"), "utf8");
const snippets = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, text = ""]) => text);
const group: CreditGroup = {
  ...{ task: 0, input: "", rollouts: [] },
};
const rollouts = ["a", "b", "b"].map((room, sample) => ({
  ...{ rolloutId: `${sample}`, sample, reward: sample, parts: {} },
  calls: [
    {
      ...{ spanId: `${sample}`, agent: "*", adapter: null, reward: null, promptIds: [], responseIds: [] },
      messages: [{ role: "user", content: `12:0${sample}, room ${room}` }],
    },
  ],
}));

/** What a snippet names. */
function run(text: string, name: string): unknown {
  const { outputText } = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  return new Function("agl", `${outputText}\nreturn ${name};`)(agl);
}

it("docs/credit.md gives an algorithm with a rule of the table", () => {
  expect(run(snippets[0]!, "algorithm")).toMatchObject({ name: "grpo" });
});

it("docs/credit.md names a state that a clock would hide", () => {
  const rule = run(snippets[1]!, "credit") as Credit;
  expect(rule({ ...group, rollouts })[1]?.sets).toEqual([0, 1, 1]);
});

it("docs/credit.md has a rule that prefers fewer calls", () => {
  const rule = run(snippets[2]!, "shorter") as Credit;
  expect(rule({ ...group, rollouts })[0]?.values).toEqual([-0.01, 0.99, 1.99]);
  expect(run(snippets[2]!, "algorithm")).toMatchObject({ name: "grpo" });
});

it("docs/credit.md names every rule", () => {
  for (const name of Object.keys(agl.credit)) expect(page).toContain(`\`${name}(`);
  expect(snippets).toHaveLength(3);
});
