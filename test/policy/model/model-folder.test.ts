import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readModelFolder } from "../../../src/policy/model/model-folder.js";
import { readSafetensors } from "../../../src/policy/model/safetensors.js";
import { modelTensors } from "../../../src/policy/model/tensors.js";
import { modelDir, modelNames, readJson } from "../fixture-models.js";
import { copyModel, editHeader, editJson, joinSafetensors, modelErrorOf } from "./model-copies.js";

const kIndex = "model.safetensors.index.json";
const kEmbedding = "model.embed_tokens.weight";
const kShard = "model-00002-of-00008.safetensors";

describe("readModelFolder", () => {
  it.each(modelNames)(
    "finds every tensor of %s where the header says (absent models are skipped)",
    (name) => {
      const dir = modelDir(name);
      if (dir === undefined) return;
      const { config, files, tensors } = readModelFolder(dir);
      expect(tensors.map((tensor) => tensor.name)).toEqual(modelTensors(config).map((tensor) => tensor.name));
      let bytes = 0;
      for (const tensor of tensors) {
        const entry = readSafetensors(files[tensor.file] ?? "").tensors.get(tensor.name);
        expect(tensor).toMatchObject({ begin: entry?.begin, dtype: "bf16" });
        expect(tensor.rows * tensor.columns * 2).toBe((entry?.end ?? 0) - (entry?.begin ?? 0));
        bytes += tensor.rows * tensor.columns * 2;
      }
      const stored = files.flatMap((file) => [...readSafetensors(file).tensors.values()]);
      expect(bytes).toBe(stored.reduce((sum, { begin, end }) => sum + end - begin, 0));
    },
  );

  it("keeps the order of the model's file", () => {
    const dir = copyModel("qwen2");
    const { tensors } = readModelFolder(dir);
    const inFile = [...readSafetensors(join(dir, "model.safetensors")).tensors.keys()];
    expect(tensors.map((tensor) => tensor.name)).toEqual(inFile);
  });

  it("gives each tensor its role and layer", () => {
    const { tensors } = readModelFolder(copyModel("qwen2"));
    expect(tensors.find(({ role }) => role === "embedding")).toMatchObject({ rows: 368, columns: 64 });
    expect(tensors.find(({ role }) => role === "embedding")).not.toHaveProperty("layer");
    const layer1 = tensors.filter(({ layer }) => layer === 1).map(({ role }) => role);
    expect(layer1.sort()).toEqual([
      "attentionNorm",
      "down",
      "gate",
      "k",
      "kBias",
      "mlpNorm",
      "o",
      "q",
      "qBias",
      "up",
      "v",
      "vBias",
    ]);
    const down = tensors.find(({ name }) => name === "model.layers.2.mlp.down_proj.weight");
    expect(down).toMatchObject({ role: "down", layer: 2, rows: 64, columns: 160 });
    const bias = tensors.find(({ name }) => name === "model.layers.2.self_attn.k_proj.bias");
    expect(bias).toMatchObject({ role: "kBias", layer: 2, rows: 1, columns: 32 });
  });

  it("ignores what transformers ignores: the head of a tied model, saved frequencies", () => {
    const dir = copyModel("qwen2");
    const before = readModelFolder(dir).tensors.map(({ name }) => name);
    addTensor(join(dir, "model.safetensors"), "lm_head.weight");
    addTensor(join(dir, "model.safetensors"), "model.layers.0.self_attn.rotary_emb.inv_freq");
    expect(readModelFolder(dir).tensors.map(({ name }) => name)).toEqual(before);
  });

  it("refuses any other tensor by name", () => {
    const dir = copyModel("qwen2");
    addTensor(join(dir, "model.safetensors"), "model.layers.3.mlp.up_proj.weight");
    expect(modelErrorOf(() => readModelFolder(dir))).toMatch(/model\.safetensors.*"model\.layers\.3\.mlp/);
  });

  it("refuses a missing, misshapen or foreign tensor by name", () => {
    const rename = copyModel("qwen2");
    editHeader(join(rename, "model.safetensors"), ({ [kEmbedding]: moved, ...header }) => ({
      ...header,
      x: moved,
    }));
    expect(modelErrorOf(() => readModelFolder(rename))).toMatch(/"model\.embed_tokens\.weight".*none/);

    const reshape = copyModel("qwen2");
    editHeader(join(reshape, "model.safetensors"), (header) => {
      header[kEmbedding].shape.reverse();
      return header;
    });
    expect(modelErrorOf(() => readModelFolder(reshape))).toMatch(/embed_tokens.*\[368,64\].*\[64,368\]/);

    const retype = copyModel("qwen2");
    editHeader(join(retype, "model.safetensors"), (header) => {
      header[kEmbedding].dtype = "I16";
      return header;
    });
    expect(modelErrorOf(() => readModelFolder(retype))).toMatch(/embed_tokens.*F32, BF16 or F16.*I16/);

    const flatten = copyModel("qwen2");
    editHeader(join(flatten, "model.safetensors"), (header) => {
      header["model.norm.weight"].shape = [1, 64];
      return header;
    });
    expect(modelErrorOf(() => readModelFolder(flatten))).toMatch(/model\.norm\.weight/);
  });

  it("refuses a matrix stored as its first column", () => {
    const dir = copyModel("qwen2");
    const header = { [kEmbedding]: { dtype: "F32", shape: [368], data_offsets: [0, 1472] } };
    writeFileSync(
      join(dir, "model.safetensors"),
      joinSafetensors(JSON.stringify(header), Buffer.alloc(1472)),
    );
    expect(modelErrorOf(() => readModelFolder(dir))).toMatch(/embed_tokens.*\[368,64\].*\[368\]/);
  });

  it("refuses an untied model without a head, and a config that disagrees with the weights", () => {
    const untied = copyModel("qwen2");
    editJson(join(untied, "config.json"), { tie_word_embeddings: false });
    expect(modelErrorOf(() => readModelFolder(untied))).toMatch(/lm_head\.weight.*tie_word_embeddings/);
    const layers = copyModel("qwen2");
    editJson(join(layers, "config.json"), { num_hidden_layers: 4 });
    expect(modelErrorOf(() => readModelFolder(layers))).toContain("model.layers.3.");
    editJson(join(layers, "config.json"), { num_hidden_layers: 2 });
    expect(modelErrorOf(() => readModelFolder(layers))).toContain("model.layers.2.");
  });

  it("says which file is missing", () => {
    const dir = copyModel("qwen2");
    rmSync(join(dir, "model.safetensors"));
    expect(modelErrorOf(() => readModelFolder(dir))).toContain(`this file or ${kIndex}`);
    expect(modelErrorOf(() => readModelFolder(join(dir, "absent")))).toContain("config.json");
  });
});

describe("readModelFolder with an index", () => {
  function editMap(dir: string, changes: Record<string, unknown>): void {
    const weightMap = readJson(join(dir, kIndex)).weight_map;
    editJson(join(dir, kIndex), { weight_map: { ...weightMap, ...changes } });
  }

  it("follows links to files, as download caches have them", () => {
    const dir = copyModel("llama3");
    renameSync(join(dir, kShard), join(dir, "blob"));
    symlinkSync("blob", join(dir, kShard));
    expect(readModelFolder(dir).files).toHaveLength(8);
  });

  it("refuses names that leave the folder", () => {
    for (const name of [
      "../model.safetensors",
      "/etc/x.safetensors",
      "a/b.safetensors",
      "a\0.safetensors",
      "..",
    ]) {
      const dir = copyModel("llama3");
      editMap(dir, { [kEmbedding]: name });
      expect(modelErrorOf(() => readModelFolder(dir))).toMatch(/index\.json.*weight_map/);
    }
  });

  it("refuses an index that lies about a tensor", () => {
    const elsewhere = copyModel("llama3");
    editMap(elsewhere, { [kEmbedding]: kShard });
    expect(modelErrorOf(() => readModelFolder(elsewhere))).toMatch(/index\.json.*embed_tokens/);
    const invented = copyModel("llama3");
    editMap(invented, { "model.invented": kShard });
    expect(modelErrorOf(() => readModelFolder(invented))).toMatch(/00002.*model\.invented/);
    const silent = copyModel("llama3");
    editMap(silent, { [kEmbedding]: undefined });
    expect(modelErrorOf(() => readModelFolder(silent))).toMatch(/index\.json.*embed_tokens.*nothing/);
  });

  it("refuses a missing shard and an index without a map", () => {
    const dir = copyModel("llama3");
    rmSync(join(dir, kShard));
    expect(modelErrorOf(() => readModelFolder(dir))).toContain(kShard);
    writeFileSync(join(dir, kIndex), "{}");
    expect(modelErrorOf(() => readModelFolder(dir))).toMatch(/index\.json.*weight_map/);
  });
});

// An empty tensor takes no room in the data.
function addTensor(file: string, name: string): void {
  editHeader(file, (header) => ({ ...header, [name]: { dtype: "F32", shape: [0], data_offsets: [0, 0] } }));
}
