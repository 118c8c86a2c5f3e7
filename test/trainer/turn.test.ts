import { expect, it } from "vitest";
import type { Policy } from "../../src/policy/policy.js";
import { inTurn } from "../../src/trainer/turn.js";

it("one step of an adapter is under way at a time, and those of other adapters and policies beside it", async () => {
  const policy = {} as Policy;
  let end: () => void = () => undefined;
  const first = inTurn(policy, "a", () => new Promise<void>((resolve) => (end = resolve)));
  const refused = { code: "E_STATE", message: expect.stringContaining("adapter a,") };
  await expect(inTurn(policy, "a", async () => 1)).rejects.toMatchObject(refused);
  expect(await inTurn(policy, "b", async () => 2)).toBe(2);
  expect(await inTurn({} as Policy, "a", async () => 3)).toBe(3);
  await expect(inTurn(policy, "a", async () => 1)).rejects.toMatchObject(refused);
  end();
  await first;
  expect(await inTurn(policy, "a", async () => 4)).toBe(4);
});

it("a step that fails makes way for the next", async () => {
  const policy = {} as Policy;
  await expect(inTurn(policy, "a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await inTurn(policy, "a", async () => 1)).toBe(1);
});
