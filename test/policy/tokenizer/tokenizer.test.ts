import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../../src/policy/tokenizer/tokenizer.js";
import {
  expectedText,
  type Json,
  modelDir,
  modelNames,
  qwen2,
  readJson,
  temporaryFolder,
  thrownBy,
} from "../fixture-models.js";

const tokenizer = loadTokenizer(qwen2);
const anyIds = fc.array(fc.integer({ min: 0, max: 370 }));
const anyText = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));

describe("the reference encodings", () => {
  for (const name of modelNames) {
    it(`of ${name} come out id by id, and decode to their texts`, ({ skip }) => {
      const dir = modelDir(name) ?? skip(`the reference model ${name} is not in this checkout`);
      const tokenizer = loadTokenizer(dir);
      const { encode } = expectedText(dir);
      expect(encode.map(({ text }) => [...tokenizer.encode(text)])).toEqual(encode.map(({ ids }) => ids));
      expect(encode.map(({ ids }) => tokenizer.decode(ids))).toEqual(encode.map(({ text }) => text));
    });
  }
});

describe("encode and decode", () => {
  it("give back any text in normal form, special tokens in it included", () => {
    const piece = fc.oneof(
      anyText.map((text) => text.normalize("NFC")),
      fc.constantFrom("<|im_start|>", "<|im_end|>", "<tool_call>"),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        // Pieces of text that meet may compose: a special token between them keeps each as it is.
        const text = pieces.join("<|endoftext|>");
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it("turn special tokens written in the text into their ids", () => {
    const ids = tokenizer.encode("<|im_start|>a<|im_end|>");
    expect([...ids]).toEqual([359, 64, 357]);
    expect(tokenizer.decode(ids)).toBe("<|im_start|>a<|im_end|>");
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe("a");
  });

  it("leave out special tokens only, not all that were added", () => {
    const dir = editedQwen2((json) => {
      json.added_tokens[3].special = false;
    });
    const tokenizer = loadTokenizer(dir);
    const ids = tokenizer.encode("<tool_call></tool_call>");
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe("<tool_call>");
  });

  it("add no special tokens, even where the file asks for one in front", () => {
    const dir = editedQwen2((json) => {
      json.post_processor.single.unshift({ SpecialToken: { id: "<|im_start|>", type_id: 0 } });
      json.post_processor.special_tokens["<|im_start|>"] = {
        id: "<|im_start|>",
        ids: [359],
        tokens: ["<|im_start|>"],
      };
    });
    expect([...loadTokenizer(dir).encode("a")]).toEqual([64]);
  });

  it("know ids beyond the tokenizer's, which the model may sample, as no text", () => {
    expect(tokenizer.decode([64, 366, 65, 100_000])).toBe("ab");
  });

  it("refuse what is not text and not an id", () => {
    for (const id of [-1, 0.5, Number.NaN]) {
      expect(thrownBy(() => tokenizer.decode([id]))).toMatchObject({ code: "E_ARGUMENT" });
    }
    expect(thrownBy(() => tokenizer.encode(7 as never))).toMatchObject({ code: "E_ARGUMENT" });
  });

  it("find tokens by name", () => {
    expect(tokenizer.size).toBe(362);
    expect(tokenizer.idOf("<|im_end|>")).toBe(357);
    expect(tokenizer.idOf("no such token")).toBeUndefined();
    expect(tokenizer.idOf("")).toBeUndefined();
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([undefined, 357, 358]);
    expect([...tokenizer.specialIds]).toEqual([357, 358, 359, 360, 361]);
  });
});

describe("a decoder of single tokens", () => {
  it("gives in pieces what decode gives at once, for any ids", () => {
    fc.assert(
      fc.property(anyIds, fc.boolean(), (ids, skipSpecial) => {
        const decoder = tokenizer.createDecoder({ skipSpecial });
        const pieces = ids.map((id) => decoder.push(id)).join("") + decoder.flush();
        expect(pieces).toBe(tokenizer.decode(ids, { skipSpecial }));
      }),
    );
  });

  it("settles every character with the token that completes it", () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        const text = raw.normalize("NFC");
        const decoder = tokenizer.createDecoder();
        const pieces = [...tokenizer.encode(text)].map((id) => decoder.push(id));
        expect(pieces.join("")).toBe(text);
        expect(decoder.flush()).toBe("");
      }),
    );
  });

  it("holds the bytes of an unfinished character back, and starts anew after a flush", () => {
    const decoder = tokenizer.createDecoder();
    const [first, second, third, last] = tokenizer.encode("🚀");
    expect([first, second, third].map((id) => decoder.push(id!))).toEqual(["", "", ""]);
    expect(decoder.push(last!)).toBe("🚀");
    expect(decoder.push(first!) + decoder.flush()).toBe("\ufffd");
    expect(decoder.push(64)).toBe("a");
  });

  it("keeps a byte order mark", () => {
    expect(tokenizer.decode(tokenizer.encode("\ufeffa"))).toBe("\ufeffa");
  });
});

describe("a SentencePiece tokenizer", () => {
  it("falls back to bytes, and loses the space it puts in front", () => {
    const tokenizer = loadTokenizer(temporaryFolder({ "tokenizer.json": sentencePiece }));
    const ids = tokenizer.encode("ab é b");
    expect([...ids]).toEqual([261, 257, 260, 0xc3, 0xa9, 260, 257]);
    expect(tokenizer.decode(ids)).toBe("ab é b");
    expect(tokenizer.decode([260, 260, 261])).toBe("  a");
  });

  it("loses that space again after a flush", () => {
    const decoder = loadTokenizer(temporaryFolder({ "tokenizer.json": sentencePiece })).createDecoder();
    expect(decoder.push(261) + decoder.push(261) + decoder.flush()).toBe("a a");
    expect(decoder.push(261)).toBe("a");
  });

  it("has tokens whose bytes, joined, are what it decodes, part of a character or not", () => {
    const tokenizer = loadTokenizer(temporaryFolder({ "tokenizer.json": sentencePiece }));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 262 })), (ids) => {
        // The first token alone loses the space in front: a second one of spaces keeps its own.
        fc.pre(tokenizer.bytesOf(ids[0] ?? 0).length > 0);
        const bytes = ids.flatMap((id, at) => [...tokenizer.bytesOf(id, { first: at === 0 })]);
        expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes))).toBe(
          tokenizer.decode(ids),
        );
      }),
    );
    expect([...tokenizer.bytesOf(0xc3)]).toEqual([0xc3]);
    expect([...tokenizer.bytesOf(261)]).toEqual([0x20, 0x61]);
    expect([...tokenizer.bytesOf(261, { first: true })]).toEqual([0x61]);
    expect([...tokenizer.bytesOf(5000)]).toEqual([]);
    expect(thrownBy(() => tokenizer.bytesOf(-1))).toMatchObject({ code: "E_ARGUMENT" });
  });

  it("streams what it decodes, for any ids", () => {
    const tokenizer = loadTokenizer(temporaryFolder({ "tokenizer.json": sentencePiece }));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 262 })), (ids) => {
        const decoder = tokenizer.createDecoder();
        const pieces = ids.map((id) => decoder.push(id)).join("") + decoder.flush();
        expect(pieces).toBe(tokenizer.decode(ids));
        expect(pieces.startsWith(" ")).toBe(ids[0] === 260 && (ids[1] === 260 || ids[1] === 261));
      }),
    );
  });
});

describe("a damaged tokenizer", () => {
  const damage: [what: string, field: string, edit: (json: Json) => unknown][] = [
    ["has no model", "model", (json) => delete json.model],
    ["has a model that is not BPE", "model.type", (json) => (json.model.type = "Unigram")],
    ["has no vocabulary", "model.vocab", (json) => (json.model.vocab = [])],
    ["has an id that is no number", 'model.vocab["a"]', (json) => (json.model.vocab.a = "64")],
    ["has a negative id", 'model.vocab["a"]', (json) => (json.model.vocab.a = -1)],
    ["has an id beyond reason", 'model.vocab["a"]', (json) => (json.model.vocab.a = 2 ** 31)],
    ["has an id twice", 'model.vocab["b"]', (json) => (json.model.vocab.b = json.model.vocab.a)],
    ["has no merges", "model.merges", (json) => delete json.model.merges],
    ["merges three", "model.merges.3", (json) => (json.model.merges[3] = ["r", "e", "a"])],
    ["merges what is not there", "model.merges.0", (json) => delete json.model.vocab.re],
    ["has no added tokens", "added_tokens", (json) => delete json.added_tokens],
    [
      "has an added token without text",
      "added_tokens.1.content",
      (json) => delete json.added_tokens[1].content,
    ],
    ["adds a token on another's id", "added_tokens.0.id", (json) => (json.added_tokens[0].id = 64)],
    [
      "adds a token of the model's by another id",
      "added_tokens.0.id",
      (json) => (json.added_tokens[0].content = "a"),
    ],
    ["has an unknown token that is none", "model.unk_token", (json) => (json.model.unk_token = "<unk>")],
    ["leaves merges out by chance", "model.dropout", (json) => (json.model.dropout = 0.1)],
    [
      "marks the ends of words",
      "model.end_of_word_suffix",
      (json) => (json.model.end_of_word_suffix = "</w>"),
    ],
    ["has a normalizer with a table", '"Precompiled"', (json) => (json.normalizer = { type: "Precompiled" })],
    ["has an option not known", '"trim"', (json) => (splitOf(json).trim = true)],
    [
      "adds a token that normalizing takes away",
      "leaves nothing",
      (json) => {
        json.normalizer = { type: "Strip", strip_left: true, strip_right: true };
        Object.assign(json.added_tokens[0], { content: " ", normalized: true });
      },
    ],
    [
      "strips a text and marks its start",
      "prepend_scheme",
      (json) => {
        json.normalizer = { type: "Strip", strip_left: true, strip_right: true };
        json.pre_tokenizer = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first" };
      },
    ],
    ["has an unknown decoder", "decoder", (json) => (json.decoder = { type: "WordPiece" })],
    ["has no decoder", "decoder", (json) => (json.decoder = null)],
    ["has an unknown normalizer", "NFX", (json) => (json.normalizer.type = "NFX")],
    ["splits in an unknown way", "pre_tokenizer", (json) => (splitOf(json).behavior = "Shuffled")],
    ["splits by nothing", "pre_tokenizer.pretokenizers.0", (json) => delete splitOf(json).pattern],
    ["has a wrong regular expression", "a ( without its )", (json) => (splitOf(json).pattern.Regex = "(")],
  ];
  for (const [what, field, edit] of damage) {
    it(`that ${what} is refused by file and field`, () => {
      const dir = editedQwen2(edit);
      const error = thrownBy(() => loadTokenizer(dir));
      expect(error).toMatchObject({ name: "LightningError", code: "E_MODEL" });
      expect(error.message).toContain(join(dir, "tokenizer.json"));
      expect(error.message).toContain(field);
    });
  }

  it("by any bit, or cut off anywhere, is E_MODEL or still works", () => {
    const whole = readFileSync(join(qwen2, "tokenizer.json"));
    const dir = temporaryFolder({});
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 8 }), (at, bit) => {
        const bytes = Buffer.from(bit === 8 ? whole.subarray(0, at) : whole);
        if (bit < 8) bytes[at]! ^= 1 << bit;
        writeFileSync(join(dir, "tokenizer.json"), bytes);
        try {
          const tokenizer = loadTokenizer(dir);
          tokenizer.decode(tokenizer.encode("hello <|im_start|> 🚀 don't"));
        } catch (error) {
          expect(error).toMatchObject({ code: "E_MODEL" });
        }
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("that is absent, empty or cut off is refused by file", () => {
    for (const files of [{}, { "tokenizer.json": "" }, { "tokenizer.json": '{"model":' }]) {
      const dir = temporaryFolder(files);
      const error = thrownBy(() => loadTokenizer(dir));
      expect(error).toMatchObject({ code: "E_MODEL" });
      expect(error.message).toContain(join(dir, "tokenizer.json"));
    }
  });

  it("that has a damaged tokenizer_config.json is refused by that file and field", () => {
    const json = readJson(join(qwen2, "tokenizer.json"));
    const dir = temporaryFolder({ "tokenizer.json": json, "tokenizer_config.json": { eos_token: 7 } });
    const error = thrownBy(() => loadTokenizer(dir));
    expect(error).toMatchObject({ code: "E_MODEL" });
    expect(error.message).toContain(
      `${join(dir, "tokenizer_config.json")}: expected another value at eos_token`,
    );
  });

  it("is not one that lacks tokenizer_config.json", () => {
    const dir = temporaryFolder({ "tokenizer.json": readJson(join(qwen2, "tokenizer.json")) });
    expect(loadTokenizer(dir).eosId).toBeUndefined();
  });
});

function editedQwen2(edit: (json: Json) => unknown): string {
  const json = readJson(join(qwen2, "tokenizer.json"));
  edit(json);
  return temporaryFolder({ "tokenizer.json": json });
}

function splitOf(json: Json): Json {
  return json.pre_tokenizer.pretokenizers[0];
}

// Ids 0 to 255 are the bytes; the space is U+2581, and stands before the first word too.
const sentencePiece = {
  added_tokens: [{ id: 258, content: "</s>", special: true }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "\u2581" },
      { type: "Replace", pattern: { String: " " }, content: "\u2581" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "\u2581" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    byte_fallback: true,
    vocab: {
      ...Object.fromEntries(
        Array.from({ length: 256 }, (_, i) => [`<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`, i]),
      ),
      a: 256,
      b: 257,
      "\u2581": 260,
      "\u2581a": 261,
    },
    merges: [["\u2581", "a"]],
  },
};
