import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAdapterFolder } from "../../../src/policy/adapters/adapter-folder.js";
import { writeAdapterFolder } from "../../../src/policy/adapters/adapter-writer.js";
import { modulePattern } from "../../../src/policy/adapters/module-pattern.js";
import { type ModelConfig, readModelConfig } from "../../../src/policy/model/model-config.js";
import { adapterPair, adapterTensors, projections } from "../../../src/policy/model/tensors.js";
import { type Json, modelDir, modelNames, qwen2, readJson } from "../fixture-models.js";
import {
  copyModel,
  editHeader,
  editJson,
  emptyFolder,
  errorOf,
  modelErrorOf,
} from "../model/model-copies.js";

const kConfig = "adapter_config.json";
const kWeights = "adapter_model.safetensors";
const kModel = readModelConfig(qwen2);
const kAllTargets = readJson(join(qwen2, "adapter", kConfig)).target_modules;

function copyAdapter(): string {
  return join(copyModel("qwen2"), "adapter");
}

function readWith(changes: Json, model: ModelConfig = kModel) {
  const dir = copyAdapter();
  editJson(join(dir, kConfig), changes);
  return readAdapterFolder(dir, model);
}

// A new adapter of these targets with the layers' ranks, on disk.
function written(targets: typeof projections, rankOf: (layer: number) => number): string {
  const dir = emptyFolder();
  const tensors = new Map<string, { data: Float32Array; shape: number[] }>();
  for (let layer = 0; layer < kModel.layers; layer++) {
    for (const { name, rows, columns } of adapterTensors(kModel, { rank: rankOf(layer), targets })) {
      if (!name.includes(`layers.${layer}.`)) continue;
      tensors.set(name, { data: new Float32Array(rows * columns).fill(layer), shape: [rows, columns] });
    }
  }
  writeAdapterFolder(dir, { rank: rankOf(0), alpha: 16, useRslora: false, targets }, tensors);
  return dir;
}

describe("readAdapterFolder", () => {
  it.each(modelNames)("reads the adapter of %s (absent models are skipped)", (name) => {
    const dir = modelDir(name);
    if (dir === undefined) return;
    const model = readModelConfig(dir);
    const { file, targets, ...rest } = readAdapterFolder(join(dir, "adapter"), model);
    expect(rest).toEqual({ rank: 8, alpha: 16, useRslora: false });
    expect(file).toBe(join(dir, "adapter", kWeights));
    expect(targets.map(({ layer, projection }) => `${layer} ${projection}`)).toEqual(
      [0, 1, 2].flatMap((layer) => projections.map((projection) => `${layer} ${projection}`)),
    );
    for (const { scale, rank, a, b } of targets) {
      expect([scale, rank, a.rows, b.columns, a.dtype]).toEqual([2, 8, 8, 8, "f32"]);
    }
    const q = targets[0];
    expect([q?.a.columns, q?.b.rows]).toEqual([model.hidden, model.heads * model.headSize]);
  });

  it("divides alpha by the root of the rank when the adapter is rank-stabilised", () => {
    expect(readWith({ use_rslora: true }).targets[0]?.scale).toBe(16 / Math.sqrt(8));
  });

  it("takes 8 for an absent alpha, 1.5 for a written one, and ignores dropout", () => {
    expect(readWith({ lora_alpha: undefined, r: undefined, lora_dropout: 0.5 }).targets[0]?.scale).toBe(1);
    expect(readWith({ lora_alpha: 1.5 }).targets[0]?.scale).toBe(1.5 / 8);
  });

  it("reads the targets from the weights where the config is silent", () => {
    expect(readWith({ target_modules: null }).targets).toHaveLength(21);
    const dir = written(["v", "q"], () => 8);
    editJson(join(dir, kConfig), { target_modules: undefined });
    const targets = readAdapterFolder(dir, kModel).targets.map(({ projection }) => projection);
    expect(targets).toEqual(["q", "v", "q", "v", "q", "v"]);
  });

  // What the weights hold is what is trained: q on layers 0 and 2.
  const kUnsloth =
    "(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?(?:q_proj|k_proj).*?)|(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?:self_attn|mlp)\\.(?:(?:q_proj|k_proj)))";
  it.each([
    { target_modules: kUnsloth },
    { target_modules: "(?=.*self_attn).*?q_proj" },
    { target_modules: ["q_proj"], exclude_modules: ["model.layers.1.self_attn.q_proj"] },
    { target_modules: "all-linear", exclude_modules: "(?!.*layers\\.[02]\\.self_attn\\.q_proj).*" },
    { target_modules: ["q_proj", "lm_head"], exclude_modules: ["lm_head", "layers.1.self_attn.q_proj"] },
    { target_modules: ".*q_proj", exclude_modules: ".*?layers\\.1\\..*" },
  ])("reads the targets from the weights where the config has %j", (changes) => {
    const dir = emptyFolder();
    const tensors = [0, 2].flatMap((layer) =>
      adapterPair(kModel, layer, "q", 8).map(
        ({ name, rows, columns }) =>
          [name, { data: new Float32Array(rows * columns), shape: [rows, columns] }] as const,
      ),
    );
    const adapter = { rank: 8, alpha: 16, useRslora: false, targets: ["q"] as const };
    writeAdapterFolder(dir, adapter, new Map(tensors));
    editJson(join(dir, kConfig), changes);
    const { targets } = readAdapterFolder(dir, kModel);
    expect(targets.map(({ layer, projection }) => `${layer} ${projection}`)).toEqual(["0 q", "2 q"]);
    editHeader(join(dir, kWeights), ({ [tensors[1]![0]]: half, ...header }) => ({ ...header, half }));
    expect(modelErrorOf(() => readAdapterFolder(dir, kModel))).toMatch(
      /layers\.0\.self_attn\.q_proj\.lora_B.*none of that name/,
    );
  });

  it("understands a lazy pattern as a greedy one, since the whole path must match", () => {
    expect(readWith({ target_modules: ".*?\\.\\d+?\\.[a-z_]+?\\.[a-z]+_proj" }).targets).toHaveLength(21);
    expect(modulePattern(".*?q_proj", ".*?q_proj")?.test("model.layers.0.self_attn.q_proj")).toBe(true);
    expect(modulePattern(".?".repeat(30), ".?".repeat(30))).toBeUndefined();
  });

  it("understands targets as names, paths, all-linear and simple patterns", () => {
    expect(readWith({ target_modules: "all-linear" }).targets).toHaveLength(21);
    const pattern = ".*\\.(self_attn|mlp)\\.(q|k|v|o|gate|up|down)_proj";
    expect(readWith({ target_modules: pattern }).targets).toHaveLength(21);
    const dir = written(["q"], () => 8);
    const read = (changes: Json): number => {
      editJson(join(dir, kConfig), changes);
      return readAdapterFolder(dir, kModel).targets.length;
    };
    expect(read({ target_modules: ["self_attn.q_proj"] })).toBe(3);
    const paths = [0, 1, 2].map((layer) => `model.layers.${layer}.self_attn.q_proj`);
    expect(read({ target_modules: paths })).toBe(3);
    expect(read({ target_modules: ["q_proj", "absent"], layers_to_transform: [0, 1, 2] })).toBe(3);
    expect(modelErrorOf(() => read({ layers_to_transform: 1 }))).toMatch(/only LoRA pairs.*layers\.0/);
    expect(modelErrorOf(() => read({ layers_to_transform: [3] }))).toMatch(/layers_to_transform below 3.*3/);
  });

  it("gives single layers their own rank and alpha by PEFT's rule: the first pattern that ends the path", () => {
    const dir = written(["q", "down"], (layer) => (layer === 1 ? 4 : 8));
    const read = () => readAdapterFolder(dir, kModel).targets.map(({ rank, scale }) => [rank, scale]);
    editJson(join(dir, kConfig), {
      rank_pattern: { "layers.1.self_attn.q_proj": 4, "^model.layers.1.mlp.down_proj": 4, q_proj: 8 },
      alpha_pattern: {
        "\\d+.mlp.down_proj": 2.5,
        "layers.[12].mlp.(up|down)_proj": 99,
        proj: 99,
        "layers.1": 99,
      },
    });
    expect(read()).toEqual([
      [8, 2],
      [8, 2.5 / 8],
      [4, 4],
      [4, 2.5 / 4],
      [8, 2],
      [8, 2.5 / 8],
    ]);
    editJson(join(dir, kConfig), { rank_pattern: { "1.self_attn.q_proj": 4 } });
    expect(modelErrorOf(read)).toMatch(/layers\.1\.mlp\.down_proj\.lora_A.*\[8,160\].*\[4,160\]/);
  });

  const kRefused: ReadonlyArray<readonly [Json, RegExp]> = [
    [{ peft_type: "IA3" }, /peft_type.*IA3/],
    [{ peft_type: undefined }, /peft_type.*nothing/],
    [{ use_dora: true }, /use_dora/],
    [{ bias: "all" }, /bias.*all/],
    [{ lora_bias: true }, /lora_bias/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out/],
    [{ modules_to_save: ["lm_head"] }, /modules_to_save.*lm_head/],
    [{ trainable_token_indices: [1] }, /trainable_token_indices/],
    [{ layer_replication: [[0, 2]] }, /layer_replication/],
    [{ exclude_modules: 1 }, /exclude_modules/],
    [{ base_model_name_or_path: 1 }, /base_model_name_or_path/],
    [{ init_lora_weights: "pissa" }, /init_lora_weights.*pissa/],
    [{ target_modules: [...kAllTargets, "lm_head"] }, /target_modules.*lm_head/],
    [{ target_modules: ["c_attn"] }, /target_modules.*c_attn/],
    [{ target_modules: ["q_proj"] }, /only LoRA pairs.*lora_A/],
    [{ rank_pattern: { "(a+)+": 4 } }, /rank_pattern.*simple patterns.*\(a\+\)\+/],
    [{ rank_pattern: { q_proj: 0 } }, /rank_pattern\.q_proj/],
    [{ r: 4 }, /lora_A.*\[4,64\].*\[8,64\]/],
    [{ r: -8 }, /\br\b/],
    [{ r: "8" }, /\br\b/],
    [{ lora_alpha: "16" }, /lora_alpha/],
  ];

  it.each(kRefused)("refuses %j by name", (changes, message) => {
    const error = modelErrorOf(() => readWith(changes));
    expect(error).toMatch(message);
    expect(error).toMatch(/adapter_(config\.json|model\.safetensors)/);
  });

  it("refuses a missing half, a foreign tensor, a missing layer and missing files", () => {
    const name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
    const half = copyAdapter();
    editHeader(join(half, kWeights), ({ [name]: moved, ...header }) => ({ ...header, moved }));
    expect(modelErrorOf(() => readAdapterFolder(half, kModel))).toContain(name);
    const foreign = copyAdapter();
    const vector = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
    editHeader(join(foreign, kWeights), (header) => ({ ...header, "x.lora_magnitude_vector": vector }));
    expect(modelErrorOf(() => readAdapterFolder(foreign, kModel))).toContain("lora_magnitude_vector");
    expect(modelErrorOf(() => readWith({}, { ...kModel, layers: 2 }))).toContain("layers.2.");
    expect(modelErrorOf(() => readWith({}, { ...kModel, layers: 4 }))).toContain("layers.3.");
    const dir = copyAdapter();
    rmSync(join(dir, kWeights));
    expect(modelErrorOf(() => readAdapterFolder(dir, kModel))).toMatch(/model\.safetensors.*converted first/);
    rmSync(join(dir, kConfig));
    expect(modelErrorOf(() => readAdapterFolder(dir, kModel))).toContain(kConfig);
  });
});

describe("modulePattern", () => {
  it("answers a hostile pattern at once or not at all", () => {
    const path = "model.layers.0.self_attn.q_proj";
    const started = performance.now();
    const hostile = ["[\\w-]+".repeat(40), "(a|a)".repeat(30), ".*".repeat(30), "(.*)*x", "((", "a{1,9}"];
    for (const pattern of hostile) expect(modulePattern(pattern, pattern), pattern).toBeUndefined();
    const slowest = `.*(${"|.".repeat(8)})(${"|.".repeat(8)}).*x`;
    expect(modulePattern(slowest, slowest)?.test(path)).toBe(false);
    expect(performance.now() - started < 1000).toBe(true);
  });
});

describe("writeAdapterFolder", () => {
  it("writes what PEFT wrote: the same weights' bytes and every field with the same value", () => {
    const source = readAdapterFolder(join(qwen2, "adapter"), kModel);
    const bytes = readFileSync(source.file);
    const tensors = new Map(
      source.targets.flatMap(({ a, b }) =>
        [a, b].map(({ name, begin, rows, columns }) => {
          const raw = Uint8Array.from(bytes.subarray(begin, begin + rows * columns * 4));
          return [name, { data: new Float32Array(raw.buffer), shape: [rows, columns] }] as const;
        }),
      ),
    );
    const dir = join(emptyFolder(), "new/adapter");
    writeAdapterFolder(dir, { rank: 8, alpha: 16, useRslora: false, targets: projections }, tensors);
    expect(readdirSync(dir).sort()).toEqual(["README.md", kConfig, kWeights]);
    expect(readFileSync(join(dir, kWeights)).equals(bytes)).toBe(true);
    const [ours, theirs] = [readJson(join(dir, kConfig)), readJson(join(qwen2, "adapter", kConfig))];
    expect(ours.target_modules.sort()).toEqual(theirs.target_modules.sort());
    for (const field of Object.keys(ours)) expect(ours[field], field).toEqual(theirs[field]);
    const { file: _, ...read } = readAdapterFolder(dir, kModel);
    expect({ ...read, file: source.file }).toEqual(source);
  });

  it("names single modules, ranks and alphas so that they are read back", () => {
    const dir = emptyFolder();
    const pairs = [adapterPair(kModel, 0, "q", 2), adapterPair(kModel, 2, "down", 3)].flat();
    const [first, second] = ["model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj"] as const;
    const adapter = {
      rank: 2,
      alpha: 4,
      useRslora: false,
      targets: ["q", "down"] as const,
      modules: [first, second],
      rankPattern: { [second]: 3 },
      alphaPattern: { [second]: 9 },
    };
    const tensors = pairs.map(({ name, rows, columns }) => {
      return [name, { data: new Float32Array(rows * columns), shape: [rows, columns] }] as const;
    });
    writeAdapterFolder(dir, adapter, new Map(tensors));
    const read = readAdapterFolder(dir, kModel).targets.map(({ layer, projection, scale }) => [
      layer,
      projection,
      scale,
    ]);
    expect(read).toEqual([
      [0, "q", 2],
      [2, "down", 3],
    ]);
  });

  it("names the base model and keeps a README that is there", () => {
    const dir = emptyFolder();
    writeFileSync(join(dir, "README.md"), "mine");
    const adapter = { rank: 2, alpha: 4, useRslora: true, targets: ["q"] as const, baseModel: "org/name" };
    writeAdapterFolder(dir, adapter, new Map());
    expect(readFileSync(join(dir, "README.md"), "utf8")).toBe("mine");
    expect(readJson(join(dir, kConfig))).toMatchObject({
      base_model_name_or_path: "org/name",
      use_rslora: true,
    });
  });

  it("leaves the old adapter when the new one cannot be written", () => {
    const dir = written(["q"], () => 8);
    const before = readAdapterFolder(dir, kModel);
    const wrong = new Map([["w", { data: new Float32Array(3), shape: [4] }]]);
    const adapter = { rank: 4, alpha: 1, useRslora: false, targets: ["q"] } as const;
    errorOf("E_ARGUMENT", () => writeAdapterFolder(dir, adapter, wrong));
    expect(readAdapterFolder(dir, kModel)).toEqual(before);
    expect(readdirSync(dir).sort()).toEqual(["README.md", kConfig, kWeights]);
  });

  it("never leaves the weights of one adapter beside the config of another", () => {
    const dir = written(["q"], () => 8);
    rmSync(join(dir, kWeights));
    // A folder in the weights' place: the write fails when the new weights are complete and the old config is gone.
    mkdirSync(join(dir, kWeights));
    const adapter = { rank: 4, alpha: 1, useRslora: false, targets: ["q"] } as const;
    expect(() => writeAdapterFolder(dir, adapter, new Map())).toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
    expect(readdirSync(dir).sort()).toEqual(["README.md", kWeights]);
  });
});
