import { describe, expect, it } from "vitest";
import { chooseDevices, type Device } from "../../../src/policy/engine/devices.js";

const cpu: Device = { name: "cpu", kind: "cpu", isa: "avx2", cores: 2, memoryBytes: 2 ** 33 };
const none: Device = { ...cpu, name: "cuda", kind: "cuda", isa: "", unavailable: "no driver" };
const gpu = (ordinal: number, unavailable?: string): Device => ({
  ...{ name: `cuda:${ordinal}`, kind: "cuda", isa: "sm_80", cores: 108, memoryBytes: 2 ** 36 },
  ...(unavailable === undefined ? {} : { unavailable }),
});
const choose = (choice: unknown, ...gpus: Device[]) =>
  chooseDevices("loadPolicy", choice, [cpu, ...gpus])
    .map(({ name }) => name)
    .join();

describe("chooseDevices", () => {
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

  it("takes every GPU that can be used for all, and of a list each in its order", () => {
    expect(choose("all", gpu(0), gpu(1, "too old"), gpu(2))).toBe("cuda:0,cuda:2");
    expect(choose(["cuda:2", "cuda:0"], gpu(0), gpu(1, "too old"), gpu(2))).toBe("cuda:2,cuda:0");
    expect(choose(["cpu"], gpu(0))).toBe("cpu");
  });

  it.each([
    [[], /device to name at least one/],
    [["cuda:0", "cuda:0"], /each once/],
    [["cuda", "cuda:0"], /each once/],
    [["cpu", "cuda:0"], /GPUs or the CPU, not both/],
    [["auto"], /a list of names, got "auto"/],
    [[["cuda:0"]], /a list of names/],
  ])("refuses the list %j", (choice, message) => {
    expect(() => choose(choice, gpu(0), gpu(1))).toThrow(
      expect.objectContaining({ code: "E_ARGUMENT", message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ["all", [none], /"all" to be usable, got: no driver; load with device: "cpu"/],
    [["cuda:0", "cuda:1"], [gpu(0), gpu(1, "too old")], /"cuda:1" to be usable, got: too old/],
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
