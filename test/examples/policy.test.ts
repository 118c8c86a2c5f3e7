import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../rules/sources.js";

it("the reward of examples/policy.mjs rises above one half in twenty updates", () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, "examples/policy.mjs")], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const rewards = [...stdout.matchAll(/reward (\d\.\d+)/g)].map((match) => Number(match[1]));
  expect(rewards).toHaveLength(20);
  expect(rewards[0]).toBeLessThan(0.25);
  expect(rewards.at(-1)).toBeGreaterThan(0.5);
});
