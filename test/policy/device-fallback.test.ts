// A GPU that is listed and does not work: this machine has none that opens.
import { totalmem } from "node:os";
import { describe, expect, it, vi } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { qwen2 } from "./fixture-models.js";

vi.mock("../../src/policy/engine/devices.js", () => ({
  chooseDevices: () => [{ name: "cuda:93", kind: "cuda" }],
}));

describe("loadPolicy on a GPU that does not work", () => {
  it("computes on the CPU, and warns, where no device was asked for", async () => {
    const warning = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    await using policy = await loadPolicy(qwen2);
    expect(policy.device).toBe("cpu");
    expect(policy.arithmetic).toMatch(/^(f32|bf16)-r\d+$/);
    expect(warning.mock.calls).toEqual([
      [
        expect.stringMatching(/cuda:93.*got: .+CPU instead/),
        { type: "AgentLightningWarning", code: "AGL_DEVICE" },
      ],
    ]);
    warning.mockRestore();
  });

  it("keeps to the part of the memory that was asked for", async () => {
    const warning = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    const error = await loadPolicy(qwen2, { memoryFraction: 0.01, cacheTokens: 2 ** 30 }).catch((e) => e);
    warning.mockRestore();
    expect(error).toMatchObject({ code: "E_MEMORY" });
    const [, allowed] = /at most (\d+) MiB/.exec(error.message) ?? [];
    expect(Number(allowed) * 2 ** 20).toBeLessThan(0.02 * totalmem());
  });

  it("refuses where it was", async () => {
    await expect(loadPolicy(qwen2, { device: "cuda" })).rejects.toMatchObject({ code: "E_DEVICE" });
  });
});
