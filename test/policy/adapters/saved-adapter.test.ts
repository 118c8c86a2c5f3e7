import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { baseModelName } from "../../../src/policy/model/base-model-name.js";
import { qwen2, readJson } from "../fixture-models.js";
import { editJson } from "../model/model-copies.js";

const out = mkdtempSync(join(tmpdir(), "agl-saved-adapter-"));
afterAll(() => rmSync(out, { recursive: true }));
const small = { contextLength: 64, threads: 1, device: "cpu" } as const;
const configOf = (dir: string) => readJson(join(dir, "adapter_config.json"));

describe("a saved adapter", () => {
  it("names its base model by the absolute path of the folder that it was loaded from", async () => {
    await using policy = await loadPolicy(relative(process.cwd(), qwen2), small);
    const dir = join(out, "plain");
    await policy.saveAdapter(dir);
    expect(configOf(dir)).toMatchObject({ base_model_name_or_path: resolve(qwen2), revision: null });
    expect(readFileSync(join(dir, "README.md"), "utf8")).toContain(`base_model: "${resolve(qwen2)}"`);
  });

  it("names its base model as the hub does where the folder lies in the hub's cache", async () => {
    const cached = join(out, "models--ORG--A-Model.1/snapshots/0a1b2c");
    mkdirSync(cached, { recursive: true });
    cpSync(qwen2, cached, { recursive: true });
    await using policy = await loadPolicy(cached, small);
    await policy.saveAdapter(join(out, "cached"));
    expect(configOf(join(out, "cached")).base_model_name_or_path).toBe("ORG/A-Model.1");
  });

  it.each([
    ["ORG/Name", "main~1", "ORG/Name", "main~1"],
    ["./a folder", undefined, "./a folder", null],
    ["C:\\models\\base", null, "C:\\models\\base", null],
    [null, null, resolve(qwen2), null],
    [undefined, "v2", resolve(qwen2), null],
    ["", null, resolve(qwen2), null],
  ])(
    "that was loaded with the base model %j at %j says %j at %j",
    async (name, revision, saved, savedRevision) => {
      const source = join(out, "source");
      rmSync(source, { recursive: true, force: true });
      cpSync(join(qwen2, "adapter"), source, { recursive: true });
      editJson(join(source, "adapter_config.json"), { base_model_name_or_path: name, revision });
      await using policy = await loadPolicy(qwen2, { ...small, adapter: source });
      await policy.saveAdapter(join(out, "kept"));
      const expected = { base_model_name_or_path: saved, revision: savedRevision };
      expect(configOf(join(out, "kept"))).toMatchObject(expected);
      await policy.saveAdapter(join(out, "kept"), { baseModel: "ORG/Other" });
      expect(configOf(join(out, "kept"))).toMatchObject({
        base_model_name_or_path: "ORG/Other",
        revision: null,
      });
      await expect(policy.saveAdapter(join(out, "kept"), { baseModel: "" })).rejects.toMatchObject({
        code: "E_ARGUMENT",
        message: expect.stringContaining("baseModel to be a name or a path"),
      });
    },
  );
});

describe("baseModelName", () => {
  it.each([
    ["/cache/models--Qwen--Qwen2.5-0.5B/snapshots/060db", "Qwen/Qwen2.5-0.5B"],
    ["/cache/models--gpt2/snapshots/060db/", "gpt2"],
    ["/cache/models--Qwen--Qwen2.5-0.5B", "/cache/models--Qwen--Qwen2.5-0.5B"],
    ["/a/snapshots/b", "/a/snapshots/b"],
    ["/a/../b", "/b"],
    ["b", resolve("b")],
  ])("of %s is %s", (dir, name) => {
    expect(baseModelName(dir)).toBe(name);
  });
});
