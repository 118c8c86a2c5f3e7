import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.js";

describe("a claim of one rollout", () => {
  it("notes that its worker asked, and makes no worker where none is named", async () => {
    await using store = createMemoryStore();
    const [first, second] = await store.enqueue([{ input: 1 }, { input: 2 }]);
    await store.claimRollout(first?.rolloutId ?? "", "w-1");
    await store.claimRollout(second?.rolloutId ?? "");
    const { items } = await store.queryWorkers();
    expect(items.map(({ workerId }) => workerId)).toEqual(["w-1"]);
    expect(items[0]?.lastDequeueTime).toBeGreaterThan(0);
    expect(items[0]?.status).toBe("busy");
  });
});
