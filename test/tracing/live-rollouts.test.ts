import { expect, it } from "vitest";
import type { ActiveContext } from "../../src/tracing/context.js";
import { enterRollout, findRollout } from "../../src/tracing/live-rollouts.js";

const contextOf = (rolloutId: string) => ({ scope: { rolloutId, attemptId: "1" } }) as ActiveContext;

it("rollouts that ended are remembered for a while, and not for ever", () => {
  const running = contextOf("running");
  enterRollout(running);
  for (let i = 0; i <= 10_000; i++) enterRollout(contextOf(`ended-${i}`))();
  expect(findRollout("ended-0", "1")).toBe(undefined);
  expect(findRollout("ended-1", "1")).toBe("over");
  expect(findRollout("ended-10000", "1")).toBe("over");
  expect(findRollout("running", "1")).toBe(running);
});
