// Writes a Qwen2 model folder of one bf16 safetensors file as a GGUF that llama.cpp reads: the same bytes of every matrix,
// vectors as float32, and a vocabulary of made-up words, since the benchmarks speak in token ids.
import { closeSync, openSync, readFileSync, readSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** @param {string} folder  as createModel writes it with dtype "bf16"  @param {string} file  replaced at once */
export function writeGguf(folder, file) {
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  const source = openSync(join(folder, "model.safetensors"), "r");
  const target = openSync(`${file}.part`, "w");
  const tensors = tensorsOf(source);
  writeSync(target, padded(Buffer.concat([header(config, tensors), ...tensors.map(tensorInfo)])));
  for (const tensor of tensors) writeData(source, target, tensor);
  closeSync(source);
  closeSync(target);
  renameSync(`${file}.part`, file);
}

// --- internal ---

const kAlignment = 32;
const kMagic = 0x46554747; // "GGUF"
const kVersion = 3;
const kTypes = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 };
const kTensorTypes = { f32: 0, bf16: 30 };
const kMostlyBf16 = 32;
const kTokenKinds = { normal: 1, control: 3 };
const kNames = new Map([
  ["model.embed_tokens", "token_embd"],
  ["model.norm", "output_norm"],
  ["lm_head", "output"],
  ["input_layernorm", "attn_norm"],
  ["self_attn.q_proj", "attn_q"],
  ["self_attn.k_proj", "attn_k"],
  ["self_attn.v_proj", "attn_v"],
  ["self_attn.o_proj", "attn_output"],
  ["post_attention_layernorm", "ffn_norm"],
  ["mlp.gate_proj", "ffn_gate"],
  ["mlp.up_proj", "ffn_up"],
  ["mlp.down_proj", "ffn_down"],
]);

/** The file's tensors with their names and places in the GGUF. */
function tensorsOf(source) {
  const size = Number(read(source, 0, 8).readBigUInt64LE());
  const { __metadata__: _, ...described } = JSON.parse(read(source, 8, size).toString());
  let offset = 0;
  return Object.entries(described).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      if (dtype !== "BF16") throw new Error(`gguf: expected ${name} in BF16, got ${dtype}`);
      const type = shape.length === 1 ? "f32" : "bf16";
      const bytes = (end - begin) * (type === "f32" ? 2 : 1);
      const tensor = {
        name: nameOf(name),
        shape,
        type,
        begin: 8 + size + begin,
        end: 8 + size + end,
        offset,
      };
      offset += bytes + padding(bytes);
      return tensor;
    },
  );
}

/** "model.layers.3.mlp.up_proj.weight" is "blk.3.ffn_up.weight". */
function nameOf(name) {
  const [, layer, module, kind] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
  const known = kNames.get(module);
  if (known === undefined) throw new Error(`gguf: expected a tensor of Qwen2, got ${name}`);
  return `${layer === undefined ? "" : `blk.${layer}.`}${known}.${kind}`;
}

function header(config, tensors) {
  const { vocab_size: vocabulary } = config;
  const words = Array.from({ length: vocabulary }, (_, i) => word(i, vocabulary));
  const kinds = words.map((_, i) => (i < vocabulary - 2 ? kTokenKinds.normal : kTokenKinds.control));
  const fields = [
    ["general.architecture", string("qwen2")],
    ["general.name", string("random")],
    ["general.file_type", u32(kMostlyBf16)],
    ["qwen2.block_count", u32(config.num_hidden_layers)],
    ["qwen2.context_length", u32(config.max_position_embeddings)],
    ["qwen2.embedding_length", u32(config.hidden_size)],
    ["qwen2.feed_forward_length", u32(config.intermediate_size)],
    ["qwen2.attention.head_count", u32(config.num_attention_heads)],
    ["qwen2.attention.head_count_kv", u32(config.num_key_value_heads)],
    ["qwen2.rope.freq_base", f32(config.rope_parameters.rope_theta)],
    ["qwen2.attention.layer_norm_rms_epsilon", f32(config.rms_norm_eps)],
    ["tokenizer.ggml.model", string("gpt2")],
    ["tokenizer.ggml.pre", string("qwen2")],
    ["tokenizer.ggml.tokens", array("string", words.map(text))],
    ["tokenizer.ggml.token_type", array("i32", kinds.map(int32))],
    ["tokenizer.ggml.merges", array("string", ["a b"].map(text))],
    ["tokenizer.ggml.bos_token_id", u32(vocabulary - 2)],
    ["tokenizer.ggml.eos_token_id", u32(vocabulary - 1)],
  ];
  return Buffer.concat([
    ...[int32(kMagic), int32(kVersion), int64(tensors.length), int64(fields.length)],
    ...fields.flatMap(([name, value]) => [text(name), value]),
  ]);
}

// The 256 characters that GPT-2's tokenizers write bytes with come first, else the vocabulary is refused.
function word(index, vocabulary) {
  if (index >= vocabulary - 2) return `<|${index}|>`;
  if (index >= 256) return `t${index}`;
  return byteCharacters[index];
}

const byteCharacters = (() => {
  const printable = (byte) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
})();

function tensorInfo({ name, shape, type, offset }) {
  const sizes = [...shape].reverse().map(int64);
  return Buffer.concat([
    ...[text(name), int32(shape.length), ...sizes],
    ...[int32(kTensorTypes[type]), int64(offset)],
  ]);
}

function writeData(source, target, { type, begin, end }) {
  if (type === "f32") {
    writeSync(target, padded(widened(read(source, begin, end - begin))));
    return;
  }
  const piece = 2 ** 26;
  for (let at = begin; at < end; at += piece) writeSync(target, read(source, at, Math.min(piece, end - at)));
  writeSync(target, Buffer.alloc(padding(end - begin)));
}

function widened(bf16) {
  const out = Buffer.alloc(2 * bf16.length);
  for (let i = 0; i < bf16.length; i += 2) bf16.copy(out, 2 * i + 2, i, i + 2);
  return out;
}

function read(file, position, length) {
  const buffer = Buffer.alloc(length);
  const got = readSync(file, buffer, 0, length, position);
  if (got !== length) throw new Error(`gguf: expected ${length} bytes at ${position}, got ${got}`);
  return buffer;
}

const padding = (bytes) => (kAlignment - (bytes % kAlignment)) % kAlignment;
const padded = (buffer) => Buffer.concat([buffer, Buffer.alloc(padding(buffer.length))]);

function int32(value) {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function int64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([int64(bytes.length), bytes]);
}

const u32 = (value) => Buffer.concat([int32(kTypes.u32), int32(value)]);
const string = (value) => Buffer.concat([int32(kTypes.string), text(value)]);
const array = (type, items) =>
  Buffer.concat([int32(kTypes.array), int32(kTypes[type]), int64(items.length), ...items]);

function f32(value) {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(kTypes.f32);
  out.writeFloatLE(value, 4);
  return out;
}
