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

/** For createModel's `tokenizer`. */
export function createTokenizer() {
  const vocabulary = new Map();
  const add = (token) => {
    if (!vocabulary.has(token)) vocabulary.set(token, vocabulary.size);
  };
  for (const byte of byteAlphabet()) add(byte);
  const merges = [];
  for (const word of words()) {
    // Letters join from the left, one merge a prefix.
    const letters = [...word.replaceAll(" ", "Ġ")];
    for (let length = 2; length <= letters.length; length++) {
      const merge = [letters.slice(0, length - 1).join(""), letters[length - 1]];
      if (vocabulary.has(merge.join(""))) continue;
      merges.push(merge);
      add(merge.join(""));
    }
  }
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
      normalizer: null,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: "\\p{N}" }, behavior: "Isolated", invert: false },
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
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
        ignore_merges: true,
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
