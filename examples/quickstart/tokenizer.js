// The quickstart model's tokenizer and chat template: byte-level BPE in which every word of the task is one token and every digit its own.
import { numberWords, phrasings } from "./questions.js";
import { toolNames } from "./tools.js";

const special = ["<|im_end|>", "<|im_start|>", "<tool_call>", "</tool_call>"];

// Writes a tool as name(a, b), so that a prompt is short.
const chatTemplate = `{%- if tools %}<|im_start|>system
tools:{% for tool in tools %} {{ tool.function.name }}({{ tool.function.parameters.required | join(', ') }}){% endfor %}<|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

// Qwen2's own, so that readers that put it in the place of the file's (transformers 5) split alike.
const splitPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** For createModel's `tokenizer`. */
export function createTokenizer() {
  const { vocabulary, merges } = learnMerges(words());
  const addedTokens = special.map((content, i) => ({
    id: vocabulary.size + i,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  return {
    tokenizerJson: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: addedTokens,
      normalizer: { type: "NFC" },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: splitPattern }, behavior: "Isolated", invert: false },
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(vocabulary),
        merges,
      },
    },
    tokenizerConfig: {
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "<|im_end|>",
      chat_template: chatTemplate,
    },
  };
}

/**
 * The bytes, and merges that make each word one token by themselves: what is left of a word by the merges before it joins from the left.
 * A new merge comes after all others, so that the words before it keep their way.
 */
function learnMerges(all) {
  const vocabulary = new Map(byteAlphabet().map((byte, id) => [byte, id]));
  const merges = [];
  const ranks = new Map();
  for (const word of all) {
    const letters = [...word.replaceAll(" ", "Ġ")];
    for (;;) {
      const pieces = mergedBy(ranks, letters);
      if (pieces.length === 1) break;
      const merge = pieces.slice(0, 2);
      ranks.set(merge.join(" "), merges.length);
      merges.push(merge);
      if (!vocabulary.has(merge.join(""))) vocabulary.set(merge.join(""), vocabulary.size);
    }
  }
  return { vocabulary, merges };
}

/** Byte-pair encoding: the leftmost pair of the lowest rank joins, until no pair has a rank. */
function mergedBy(ranks, letters) {
  const pieces = [...letters];
  for (;;) {
    let [best, at] = [Infinity, -1];
    for (let i = 0; i + 1 < pieces.length; i++) {
      const rank = ranks.get(`${pieces[i]} ${pieces[i + 1]}`) ?? Infinity;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return pieces;
    pieces.splice(at, 2, pieces[at] + pieces[at + 1]);
  }
}

/** Words with and without the space before them, and the punctuation of tool calls. */
function words() {
  const plain = new Set([
    "tools",
    "system",
    "user",
    "assistant",
    "tool",
    "name",
    "arguments",
    "the",
    "answer",
    "is",
    "error",
  ]);
  for (const name of toolNames) plain.add(name);
  for (const word of numberWords) plain.add(word);
  for (const text of Object.values(phrasings).flat()) {
    for (const word of text.split(" ")) if (/^[a-z]+$/.test(word)) plain.add(word);
  }
  const punctuation = ['{"', '":', ' "', '",', ' {"', "}}", " ?", " ,"];
  return [...[...plain].flatMap((word) => [word, ` ${word}`]), ...punctuation, " a", " b"];
}

/** GPT-2's printable stand-ins for the 256 bytes. */
function byteAlphabet() {
  const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}
