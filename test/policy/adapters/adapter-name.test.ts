import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import * as agl from "../../../src/index.js";
import { outcome, refused } from "../../call-outcome.js";
import { qwen2, temporaryFolder } from "../fixture-models.js";

let policy: agl.Policy;
beforeAll(async () => {
  policy = await agl.loadPolicy(qwen2, { contextLength: 64, cacheTokens: 256 });
});
afterAll(() => policy.close());

describe("an adapter's name", () => {
  it.each([
    "./adapter",
    "../adapter",
    "runs/adapter",
    "..",
    "~/adapter",
    "C:\\adapter",
    "adapter.safetensors",
  ])("is not the path %s", async (path) => {
    const added = await outcome(() => policy.addAdapter(path));
    expect(added).toEqual(refused(/^policy\.addAdapter: expected the adapter's name, not a path, got /));
    expect(String(added)).toContain('policy.addAdapter("mine", ');
    const sampled = await outcome(() => policy.sample({ prompt: [1], adapter: path }));
    expect(sampled).toEqual(refused(/one of "base", "default", got .*; a folder is added first/));
  });

  it("is not a folder that holds an adapter, unless it is said to be fresh", async () => {
    const parent = temporaryFolder({});
    cpSync(join(qwen2, "adapter"), join(parent, "mine"), { recursive: true });
    const cwd = process.cwd();
    process.chdir(parent);
    onTestFinished(() => process.chdir(cwd));
    const error = await outcome(() => policy.addAdapter("mine"));
    expect(error).toEqual(
      refused(/expected the adapter's name, not its folder, got "mine"; give the name first/),
    );
    await policy.addAdapter("mine", {});
    await policy.addAdapter("theirs", "mine");
    expect(policy.adapters).toEqual(["default", "mine", "theirs"]);
  });
});
