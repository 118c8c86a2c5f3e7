import { expect, it } from "vitest";
import { createUpdateCounts } from "../../src/algorithms/update-counts.js";

it("updates are counted by adapter, and go through a checkpoint", () => {
  const counts = createUpdateCounts();
  counts.add("a", 2);
  counts.add("b", 1);
  counts.add("a", 3);
  const restored = createUpdateCounts();
  restored.restore(JSON.parse(JSON.stringify(counts.state())));
  expect([restored.of("a"), restored.of("b"), restored.of("c")]).toEqual([5, 1, 0]);
});

it("a checkpoint from before adapters were told apart counts for the one there was", () => {
  const counts = createUpdateCounts();
  counts.restore({ updates: 7 });
  counts.add("a", 1);
  expect([counts.of("a"), counts.state()]).toEqual([8, { updates: { a: 8 } }]);
  counts.restore({});
  expect(counts.of("a")).toBe(0);
});
