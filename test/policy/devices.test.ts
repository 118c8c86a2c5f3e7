import { describe, expect, it } from "vitest";
import { chooseDevice, type Device } from "../../src/policy/devices.js";

const cpu: Device = { name: "cpu", kind: "cpu", isa: "avx2", cores: 2, memoryBytes: 2 ** 33 };
const none: Device = { ...cpu, name: "cuda", kind: "cuda", isa: "", unavailable: "no driver" };
const gpu = (ordinal: number, unavailable?: string): Device => ({
  ...{ name: `cuda:${ordinal}`, kind: "cuda", isa: "sm_80", cores: 108, memoryBytes: 2 ** 36 },
  ...(unavailable === undefined ? {} : { unavailable }),
});
const choose = (choice: unknown, ...gpus: Device[]) =>
  chooseDevice("loadPolicy", choice, [cpu, ...gpus]).name;

describe("chooseDevice", () => {
  it("takes the first GPU that can be used, without being told", () => {
    expect(choose("auto", gpu(0, "too old"), gpu(1), gpu(2))).toBe("cuda:1");
    expect(choose("cuda", gpu(0, "too old"), gpu(1))).toBe("cuda:1");
  });

  it("takes the CPU where there is no GPU, and where it is told to", () => {
    expect(choose("auto", none)).toBe("cpu");
    expect(choose("auto", gpu(0, "too old"))).toBe("cpu");
    expect(choose("cpu", gpu(0))).toBe("cpu");
  });

  it("takes the GPU that is named", () => {
    expect(choose("cuda:1", gpu(0), gpu(1))).toBe("cuda:1");
  });

  it.each([
    ["cuda", [none], /"cuda" to be usable, got: no driver; load with device: "cpu"/],
    ["cuda:0", [none], /"cuda:0" to be usable, got: no driver/],
    ["cuda:0", [gpu(0, "too old"), gpu(1)], /got: too old/],
    ["cuda:2", [gpu(0), gpu(1)], /got: devices cuda:0, cuda:1 alone/],
  ])("says why %s cannot be used", (choice, gpus, message) => {
    expect(() => choose(choice, ...gpus)).toThrow(
      expect.objectContaining({ code: "E_DEVICE", message: expect.stringMatching(message) }),
    );
  });

  it.each(["gpu", "cuda:", "cuda:-1", "cuda:01", "", 0, null])("refuses %j", (choice) => {
    expect(() => choose(choice, gpu(0))).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});
