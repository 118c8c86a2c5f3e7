import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CreateModelOptions, createModel, type NewModel } from "../../src/policy/create-model.js";
import { readModelFolder } from "../../src/policy/model/model-folder.js";
import { loadTokenizer } from "../../src/policy/tokenizer/tokenizer.js";
import { qwen2, readJson } from "./fixture-models.js";
import { emptyFolder, errorOf } from "./model/model-copies.js";

const kShape: NewModel = {
  architecture: "qwen2",
  hidden: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 12,
  intermediate: 56,
  vocabulary: 401,
  tie: true,
  tokenizer: qwen2,
};

function created(changes: Partial<NewModel> = {}, options: Partial<CreateModelOptions> = {}): string {
  const dir = join(emptyFolder(), "new/model");
  createModel(dir, { ...kShape, ...changes }, { seed: 7, ...options });
  return dir;
}

function weightsOf(dir: string): Map<string, Float32Array> {
  const { files, tensors } = readModelFolder(dir);
  const bytes = readFileSync(files[0] ?? "");
  return new Map(
    tensors.map(({ name, begin, rows, columns, dtype }) => {
      const values = new Float32Array(rows * columns);
      for (let i = 0; i < values.length; i++) {
        if (dtype === "f32") values[i] = bytes.readFloatLE(begin + 4 * i);
        else
          values[i] =
            new Float32Array(Uint32Array.of(bytes.readUInt16LE(begin + 2 * i) << 16).buffer)[0] ?? NaN;
      }
      return [name, values];
    }),
  );
}

describe("createModel", () => {
  it.each(["llama", "qwen2", "qwen3"] as const)(
    "writes a %s folder that reads as it was asked for",
    (architecture) => {
      for (const tie of [true, false]) {
        const { tokenizer: _, ...shape } = kShape;
        const { config } = readModelFolder(created({ architecture, tie }));
        expect(config).toMatchObject({ ...shape, architecture, tie, eosTokenIds: [357] });
        expect(config.qkvBias).toBe(architecture === "qwen2");
        expect(config.qkNorm).toBe(architecture === "qwen3");
      }
    },
  );

  it("writes the same bytes for the same seed, others for another", () => {
    const bytes = (seed: number): Buffer => readFileSync(join(created({}, { seed }), "model.safetensors"));
    expect(bytes(7).equals(bytes(7))).toBe(true);
    expect(bytes(7).equals(bytes(8))).toBe(false);
    expect(bytes(7).equals(bytes(7 + 2 ** 32))).toBe(false);
  });

  // 15,936 to 22,456 elements each, fixed seed: 5 standard errors.
  it("draws matrices with deviation 0.02, each its own; norms are one and biases zero", () => {
    const weights = weightsOf(created({ architecture: "qwen2" }));
    const up = weights.get("model.layers.0.mlp.up_proj.weight") ?? new Float32Array();
    expect(up).not.toEqual(weights.get("model.layers.1.mlp.up_proj.weight"));
    expect(up).not.toEqual(weights.get("model.layers.0.mlp.gate_proj.weight"));
    for (const [name, values] of weights) {
      if (name.endsWith("norm.weight")) expect(values.every((value) => value === 1)).toBe(true);
      else if (name.endsWith(".bias")) expect(values.every((value) => value === 0)).toBe(true);
      else {
        const squares = values.reduce((sum, value) => sum + (value / 0.02) ** 2, 0) / values.length;
        expect(Math.abs(squares - 1) <= 5 * Math.sqrt(2 / values.length), name).toBe(true);
      }
    }
  });

  it("rounds the very numbers of float32 to bfloat16, nearest even", () => {
    const [exact, rounded] = [weightsOf(created()), weightsOf(created({}, { dtype: "bf16" }))];
    let differ = 0;
    for (const [name, values] of exact) {
      values.forEach((value, i) => {
        const got = rounded.get(name)?.[i] ?? NaN;
        if (got !== value) differ++;
        // Half a unit in the last of 8 bits.
        if (!(Math.abs(got - value) <= Math.abs(value) * 2 ** -8))
          throw new Error(`${name}[${i}]: ${value}, ${got}`);
      });
    }
    expect(differ > 0).toBe(true);
  });

  it("copies the tokenizer from a folder or from memory", () => {
    const dir = created();
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      expect(readFileSync(join(dir, name))).toEqual(readFileSync(join(qwen2, name)));
    }
    const folder = emptyFolder();
    cpSync(qwen2, folder, { recursive: true });
    mkdirSync(join(folder, "additional_chat_templates"));
    writeFileSync(join(folder, "additional_chat_templates/tool_use.jinja"), "{{ tools }}");
    writeFileSync(join(folder, "special_tokens_map.json"), '{"eos_token":"<|endoftext|>"}');
    const copied = created({ tokenizer: folder });
    expect(readFileSync(join(copied, "additional_chat_templates/tool_use.jinja"), "utf8")).toBe(
      "{{ tools }}",
    );
    expect(readJson(join(copied, "special_tokens_map.json"))).toEqual({ eos_token: "<|endoftext|>" });
    const tokenizer = {
      tokenizerJson: readJson(join(qwen2, "tokenizer.json")),
      tokenizerConfig: { eos_token: { content: "<|endoftext|>" }, bos_token: "<|im_start|>" },
      chatTemplate: "{{ messages }}",
    };
    const other = created({ tokenizer });
    expect(readModelFolder(other).config).toMatchObject({ eosTokenIds: [358], bosTokenId: 359 });
    expect(readFileSync(join(other, "chat_template.jinja"), "utf8")).toBe("{{ messages }}");
    expect(readJson(join(other, "tokenizer.json"))).toEqual(tokenizer.tokenizerJson);
  });

  it.each([
    ["the map, before the config", undefined, "<|endoftext|>"],
    ["the config, where it names all added tokens", {}, "<|im_end|>"],
  ])("ends answers at the token that the tokenizer has for it: %s", (_of, decoder, expected) => {
    const folder = emptyFolder();
    cpSync(qwen2, folder, { recursive: true });
    const config = {
      eos_token: "<|im_end|>",
      ...(decoder === undefined ? {} : { added_tokens_decoder: decoder }),
    };
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "special_tokens_map.json"), '{"eos_token":"<|endoftext|>"}');
    const dir = created({ tokenizer: folder });
    const { eosId, idOf } = loadTokenizer(dir);
    expect(eosId).toBe(idOf(expected));
    expect(readModelFolder(dir).config.eosTokenIds).toEqual([eosId]);
  });

  it("replaces a model only when asked to, and leaves nothing of the old one's description", () => {
    const dir = created({}, { seed: 1 });
    const options = { seed: 2 };
    expect(errorOf("E_ARGUMENT", () => createModel(dir, kShape, options))).toContain("overwrite: true");
    for (const name of ["chat_template.jinja", "special_tokens_map.json"])
      writeFileSync(join(dir, name), "{}");
    mkdirSync(join(dir, "additional_chat_templates"));
    writeFileSync(join(dir, "additional_chat_templates/rag.jinja"), "old");
    createModel(dir, { ...kShape, layers: 1 }, { ...options, overwrite: true });
    expect(readModelFolder(dir).config.layers).toBe(1);
    expect(readdirSync(dir).sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
  });

  const kWrong: ReadonlyArray<readonly [Partial<NewModel>, RegExp]> = [
    [{ headSize: 13 }, /even headSize.*13/],
    [{ kvHeads: 3 }, /kvHeads that divide heads \(4\).*3/],
    [{ vocabulary: 360 }, /vocabulary.*36\d.*360/],
    [{ hidden: 0 }, /hidden.*0/],
    [{ layers: 1.5 }, /layers.*1\.5/],
    [{ architecture: "mistral" as "llama" }, /architecture.*mistral/],
    [{ tie: undefined as unknown as boolean }, /tie/],
    [{ tokenizer: "/absent" }, /tokenizer.*absent/],
    [{ tokenizer: {} as NewModel["tokenizer"] }, /tokenizer/],
  ];

  it.each(kWrong)("refuses %j", (changes, message) => {
    expect(errorOf("E_ARGUMENT", () => created(changes))).toMatch(message);
  });

  it("refuses a seed or type that is none, and a damaged tokenizer", () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(errorOf("E_ARGUMENT", () => created({}, { seed }))).toContain("seed");
    }
    expect(errorOf("E_ARGUMENT", () => created({}, { dtype: "f16" as "f32" }))).toContain("dtype");
    const tokenizer = { tokenizerJson: { model: {} } };
    expect(errorOf("E_MODEL", () => created({ tokenizer }))).toContain("tokenizer.json");
  });
});
