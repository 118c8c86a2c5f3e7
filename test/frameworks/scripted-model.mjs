// A model folder whose weights were written by hand: it calls the first tool it is given, with fixed arguments, answers a tool's result and
// everything else with random letters, and closes what JSON opens. So tools round trips need no training, and structured output comes about by
// the endpoint's constraint alone. Attention and MLP add nothing at first, but gradients reach their adapters.
//   logits depend on the last token alone: after "<|call:NAME|>", which the chat template writes, the call comes in three tokens
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createModel } from "agentlightning";

/** @param toolArguments  by tool name: what the model calls it with */
export function writeScriptedModel(dir, toolArguments) {
  const { vocabulary, scripted } = planTokens(toolArguments);
  createModel(
    dir,
    { ...kShape, vocabulary: vocabulary.length, tokenizer: tokenizerOf(vocabulary) },
    { seed: 1 },
  );
  patch(join(dir, "model.safetensors"), {
    "model.embed_tokens.weight": embeddings(vocabulary, scripted),
    "lm_head.weight": head(vocabulary, scripted),
    "model.layers.0.self_attn.o_proj.weight": new Float32Array(kWidth * kWidth),
    "model.layers.0.mlp.down_proj.weight": new Float32Array(kWidth * kWidth),
  });
}

// --- internal ---

const kWidth = 128;
const kShape = {
  architecture: "llama",
  layers: 1,
  heads: 2,
  kvHeads: 2,
  headSize: 64,
  hidden: kWidth,
  intermediate: kWidth,
  tie: false,
};
/** Columns of the embedding: one that all plain tokens have, one for each scripted token, and noise. */
const kPlain = 0;
const kNoise = 64;
const kEnd = "<|im_end|>";
const kSay = "<|say|>";
/** Any letter: an answer is never empty. */
const kLetter = Symbol("letter");
const kCallEnd = "}\n</tool_call>";

const kTemplate = `{%- macro opener(before) -%}
{%- if tools and before != 'tool' -%}<|call:{{ tools[0].function.name }}|>{%- else -%}<|say|>{%- endif -%}
{%- endmacro -%}
{%- if tools -%}<|im_start|>tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif -%}
{%- for m in messages -%}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{{ opener(messages[loop.index0 - 1].role if loop.index0 else '') }}{% endif -%}
{{ m.content or '' }}
{%- for c in m.tool_calls or [] -%}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{%- endfor -%}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{{ opener(messages[-1].role) }}{%- endif -%}`;

/** All tokens in the order of their ids, and which one follows which. */
function planTokens(toolArguments) {
  const plain = Array.from({ length: 256 }, (_, byte) => ({ byte }));
  const special = [kEnd, "<|im_start|>", kSay].map((text) => ({ text, isSpecial: true }));
  const tokens = new Map([...plain, ...special].map((token) => [token.text ?? token.byte, token]));
  const scripted = new Map([
    [kSay, kLetter],
    [kCallEnd, kEnd],
  ]);
  const add = (text, isSpecial) => tokens.set(text, { text, isSpecial });
  for (const [name, args] of Object.entries(toolArguments)) {
    const [marker, opening, body] = [
      `<|call:${name}|>`,
      `<tool_call>\n{"name": "${name}", "arguments": `,
      // As templates write JSON.
      JSON.stringify(args, undefined, 1).replaceAll(/\n */g, " ").replaceAll("{ ", "{").replaceAll(" }", "}"),
    ];
    add(marker, true);
    add(opening, false);
    add(body, false);
    scripted.set(marker, opening).set(opening, body).set(body, kCallEnd);
  }
  add(kCallEnd, false);
  const vocabulary = [...tokens.values()].map((token, id) => ({ ...token, id }));
  return { vocabulary, scripted };
}

/** Of root mean square 1, so that the last norm changes nothing. */
function embeddings(vocabulary, scripted) {
  const rows = new Float32Array(vocabulary.length * kWidth);
  const random = createRandom(7);
  const columns = scriptedColumns(scripted);
  for (const { id, text } of vocabulary) {
    const row = rows.subarray(id * kWidth, (id + 1) * kWidth);
    const column = columns.get(text);
    if (column !== undefined) row[column] = Math.sqrt(kWidth);
    else {
      row[kPlain] = Math.sqrt(kWidth - kNoise);
      for (let i = kWidth - kNoise; i < kWidth; i++) row[i] = random() < 0.5 ? -1 : 1;
    }
  }
  return rows;
}

function head(vocabulary, scripted) {
  const rows = new Float32Array(vocabulary.length * kWidth);
  const random = createRandom(8);
  const columns = scriptedColumns(scripted);
  for (const token of vocabulary) {
    const row = rows.subarray(token.id * kWidth, (token.id + 1) * kWidth);
    row[kPlain] = plainLogit(token) / Math.sqrt(kWidth - kNoise);
    for (let i = kWidth - kNoise; i < kWidth; i++) row[i] = (random() - 0.5) / 40;
    for (const [before, after] of scripted)
      if (after === token.text || (after === kLetter && isLetter(token)))
        row[columns.get(before)] = 40 / Math.sqrt(kWidth);
  }
  return rows;
}

function scriptedColumns(scripted) {
  const columns = new Map([...scripted.keys()].map((text, i) => [text, i + 1]));
  if (columns.size >= kWidth - kNoise)
    throw new Error(`scripted model: too many tools (${columns.size} tokens)`);
  return columns;
}

function isLetter({ byte }) {
  return byte >= 97 && byte <= 122;
}

/** Of a token after any that is not scripted: letters, and what closes JSON more often than what opens or goes on. */
function plainLogit({ byte, text }) {
  if (text === kEnd) return 2;
  if (byte === undefined) return -20;
  const letter = String.fromCharCode(byte);
  if (/[a-z ]/.test(letter)) return 0;
  if (/["}\]]/.test(letter)) return 2.5;
  if (/[,:]/.test(letter)) return 0;
  if (/[0-9]/.test(letter)) return -1;
  return byte > 32 && byte < 127 ? -4 : -20;
}

function tokenizerOf(vocabulary) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const added = vocabulary.filter(({ text }) => text !== undefined);
  const alphabet = byteAlphabet();
  return {
    tokenizerJson: {
      version: "1.0",
      added_tokens: added.map(({ id, text, isSpecial }) => ({
        id,
        content: text,
        special: isSpecial,
        ...flags,
      })),
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
      model: {
        type: "BPE",
        vocab: Object.fromEntries(alphabet.map((letter, id) => [letter, id])),
        merges: [],
      },
    },
    tokenizerConfig: { tokenizer_class: "PreTrainedTokenizerFast", eos_token: kEnd },
    chatTemplate: kTemplate,
  };
}

/** GPT-2's printable stand-ins for the 256 bytes. */
function byteAlphabet() {
  const isPrintable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

/** Puts float32 tensors in the place of those of the same name. */
function patch(file, tensors) {
  const bytes = readFileSync(file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength));
  for (const [name, values] of Object.entries(tensors)) {
    const [start, end] = header[name].data_offsets;
    if (header[name].dtype !== "F32" || end - start !== values.byteLength)
      throw new Error(`scripted model: ${name} has ${end - start} bytes, expected ${values.byteLength}`);
    bytes.set(new Uint8Array(values.buffer), 8 + headerLength + start);
  }
  writeFileSync(file, bytes);
}

/** Mulberry32: uniform in [0, 1). */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
