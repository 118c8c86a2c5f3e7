// A policy of sixteen tokens: fifteen letters and the end of the turn. Small enough that learning takes seconds.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel } from "../../src/policy/create-model.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import type { Policy } from "../../src/policy/policy.js";

const kLetters = [..."abcdefghijklmno"];

/** The conversation is its letters: the contents one after the other. */
const chatTemplate =
  "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}!{% endif %}{% endfor %}";

export interface TinyOptions {
  readonly seed?: number;
  readonly contextLength?: number;
  readonly trainTokens?: number;
  readonly chatTemplate?: string;
  /** Fifteen tokens of one byte each, as byte-level vocabularies spell them. Default: the letters from a to o. */
  readonly letters?: readonly string[];
  /** Default "all". */
  readonly train?: "adapter" | "all";
  /** Slow enough that requests pile up while a pass runs. */
  readonly isWide?: boolean;
}

/** @returns its folder */
export async function tinyModel(options: TinyOptions = {}): Promise<string> {
  const dir = join(mkdtempSync(join(tmpdir(), "agl-tiny-")), "model");
  const vocab = Object.fromEntries((options.letters ?? kLetters).map((letter, i) => [letter, i]));
  await createModel(
    dir,
    {
      architecture: "qwen2",
      hidden: options.isWide ? 384 : 32,
      layers: options.isWide ? 6 : 1,
      heads: 2,
      kvHeads: 1,
      headSize: 16,
      intermediate: options.isWide ? 1024 : 64,
      vocabulary: 16,
      tie: false,
      tokenizer: {
        tokenizerJson: {
          version: "1.0",
          added_tokens: [
            {
              id: 15,
              content: "!",
              special: true,
              single_word: false,
              lstrip: false,
              rstrip: false,
              normalized: false,
            },
          ],
          normalizer: null,
          pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
          post_processor: null,
          decoder: { type: "ByteLevel" },
          model: { type: "BPE", vocab, merges: [] },
        },
        tokenizerConfig: { eos_token: "!", chat_template: options.chatTemplate ?? chatTemplate },
      },
    },
    { seed: options.seed ?? 1 },
  );
  return dir;
}

export async function tinyPolicy(options: TinyOptions = {}): Promise<Policy> {
  return await loadPolicy(await tinyModel(options), {
    seed: 1,
    threads: 1,
    train: options.train ?? "all",
    contextLength: options.contextLength ?? 64,
    ...(options.trainTokens === undefined ? {} : { trainTokens: options.trainTokens }),
  });
}
