import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LightningError, loadPolicy } from "../../../src/index.js";
import { requireFolder } from "../../../src/policy/adapters/missing-folder.js";
import { outcome } from "../../call-outcome.js";
import { qwen2, temporaryFolder, thrownBy } from "../fixture-models.js";
import { copyModel } from "../model/model-copies.js";

/** The Hub's cache of this test, and nobody's else. */
function emptyCache(): string {
  const home = temporaryFolder({});
  const before = process.env.HF_HOME;
  process.env.HF_HOME = home;
  onTestFinished(() => {
    if (before === undefined) delete process.env.HF_HOME;
    else process.env.HF_HOME = before;
  });
  return join(home, "hub");
}

function writeConfig(folder: string, name = "config.json", content: object = {}): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), JSON.stringify(content));
  return folder;
}

const messageOf = (path: string, kind: "model" | "adapter" = "model"): string => {
  const error = thrownBy(() => requireFolder("f", kind, path));
  expect(error).toMatchObject({ name: "LightningError", code: "E_MODEL" });
  return error.message;
};

describe("a path that is no model", () => {
  it.each([
    "Qwen/Qwen2.5-0.5B-Instruct",
    "hf://Qwen/Qwen2.5-0.5B-Instruct",
    "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct",
    "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct/tree/main",
    "hf.co/Qwen/Qwen2.5-0.5B-Instruct",
    "hf:Qwen/Qwen2.5-0.5B-Instruct",
    "Qwen/Qwen2.5-0.5B-Instruct@main",
  ])("but the name %s says how the files are got", (name) => {
    emptyCache();
    expect(messageOf(name)).toBe(
      `f: expected the folder of a model, got ${JSON.stringify(name)}, which is no folder here and reads as a name on ` +
        "the Hugging Face Hub; nothing is fetched by itself: run `hf download Qwen/Qwen2.5-0.5B-Instruct --local-dir " +
        './Qwen2.5-0.5B-Instruct` once, and give "./Qwen2.5-0.5B-Instruct"',
    );
  });

  it("but a name whose files are in the Hub's cache says where", () => {
    const model = join(emptyCache(), "models--HuggingFaceTB--SmolLM2-135M");
    const snapshot = writeConfig(join(model, "snapshots", "93efa2f"));
    expect(messageOf("HuggingFaceTB/SmolLM2-135M")).toContain(`in the Hub's cache, at "${snapshot}"`);
    expect(messageOf(model)).toContain(`the Hub's cache keeps the files deeper, give "${snapshot}"`);
  });

  it.each([
    ["./nowhere/at/all", /which is not there, at \/.*\/nowhere\/at\/all; a path begins at the folder/],
    [
      "nowhere",
      /which is not there, at .*; a policy is made of weights on this machine.*`hf download ORG\/NAME/,
    ],
    ["gpt-4o-mini", /which is not there, at .*; a policy is made of weights on this machine/],
    ["qwen2.5:0.5b", /not of a name: run `hf download ORG\/NAME --local-dir/],
    ["s3://models/qwen", /a policy is made of weights on this machine/],
    ["file:///models/qwen", /which is an address, not a path; write fileURLToPath\(address\), of node:url$/],
    ["./qwen", /which is not there, at .*; a path begins at the folder/],
    ["models/of/mine", /which is not there, at .*; a path begins at the folder/],
    ["~/models/qwen", /only a shell expands ~; write ".*\/models\/qwen"$/],
    [join(qwen2, "config.json"), /which is a file; give the folder it lies in, ".*\/qwen2"$/],
    [join(qwen2, "config.json", "deeper"), /which is not there/],
    [join(qwen2, "adapter"), /which is an adapter's folder; load its base model with it, as in loadPolicy\(/],
    [join(qwen2, ".."), /which is a folder without config\.json; did you mean ".*llama3" or ".*qwen2"\?$/],
  ])("but %s says what stands there", (path, message) => {
    emptyCache();
    expect(messageOf(path)).toMatch(message);
  });

  it("but files of another format say so", () => {
    const folder = temporaryFolder({ "qwen.gguf": "GGUF" });
    expect(messageOf(folder)).toMatch(/with GGUF files; take the model's safetensors files$/);
    expect(messageOf(join(folder, "qwen.gguf"))).toMatch(/which is a GGUF file; take the folder with/);
    expect(messageOf(temporaryFolder({}))).toMatch(/it needs all files of a Hugging Face model$/);
  });

  it("but an adapter names the base model that it is for", () => {
    const folder = writeConfig(temporaryFolder({}), "adapter_config.json", {
      base_model_name_or_path: "Qwen/Qwen3-0.6B",
    });
    expect(messageOf(folder)).toContain(
      `loadPolicy("Qwen/Qwen3-0.6B", { adapter: ${JSON.stringify(folder)} })`,
    );
  });

  it("and no adapter, says so in the adapter's words", () => {
    expect(messageOf(qwen2, "adapter")).toMatch(/folder of an adapter.*a model's folder; load it as a model/);
    expect(messageOf("~/adapter", "adapter")).toContain(join(homedir(), "adapter"));
  });

  it("is refused before anything is read, by loadPolicy itself", async () => {
    emptyCache();
    const error = await outcome(() => loadPolicy("Qwen/Qwen3-0.6B"));
    expect(error).toBeInstanceOf(LightningError);
    expect(String(error)).toContain("loadPolicy: expected the folder of a model");
    expect(String(await outcome(() => loadPolicy("a\0b")))).toContain("a path that can be read");
    const adapter = await outcome(() => loadPolicy(qwen2, { adapter: "me/my-lora" }));
    expect(String(adapter)).toContain("hf download me/my-lora --local-dir ./my-lora");
  });
});

describe("a folder whose files are of another kind", () => {
  it.each([
    [
      "model.safetensors",
      "pytorch_model.bin",
      /got pytorch_model\.bin alone; convert it once, in Python: AutoModelForCausalLM/,
    ],
    ["model.safetensors", "pytorch_model-00001-of-00002.bin", /got pytorch_model-00001-.* alone; convert it/],
    ["model.safetensors", "model-q4_k_m.gguf", /got model-q4_k_m\.gguf alone; take the model's safetensors/],
    ["model.safetensors", "consolidated.safetensors", /got consolidated\.safetensors alone; take the folder/],
    [
      "model.safetensors",
      "model-00001-of-00002.safetensors",
      /got model-00001-of-00002\.safetensors alone; download model\.safetensors\.index\.json too/,
    ],
    [
      "model.safetensors",
      "qwen.fp16.safetensors",
      /qwen\.fp16\.safetensors alone; rename it to model\.safetens/,
    ],
    ["model.safetensors", "readme.md", /got neither; the weights were not downloaded$/],
    [
      "tokenizer.json",
      "tokenizer.model",
      /got tokenizer\.model alone; write it once, in Python: AutoTokenizer/,
    ],
    ["tokenizer.json", "vocab.json", /got vocab\.json alone/],
    ["tokenizer.json", "readme.md", /a tokenizer, got no such file$/],
  ])("without %s and with %s says how to convert it", async (missing, present, message) => {
    const dir = copyModel("qwen2");
    rmSync(join(dir, missing));
    writeFileSync(join(dir, present), "");
    const error = await outcome(() => loadPolicy(dir));
    expect(error).toMatchObject({ code: "E_MODEL", message: expect.stringMatching(message) });
  });
});

describe("a pointer of Git LFS", () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 988097824\n";

  it.each(["config.json", "tokenizer.json", "model.safetensors"])(
    "in the place of %s says so",
    async (name) => {
      const dir = copyModel("qwen2");
      writeFileSync(join(dir, name), pointer);
      const error = await outcome(() => loadPolicy(dir));
      expect(error).toMatchObject({ code: "E_MODEL" });
      expect(String(error)).toContain(
        `${name}: expected the file itself, got a pointer of Git LFS; run \`git lfs`,
      );
    },
  );
});
