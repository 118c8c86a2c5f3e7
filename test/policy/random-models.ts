// Random models whose sizes cross the engine's blocks: 16 outputs, 32 positions of token memory, 128 positions of attention, 4,096 of
// the vocabulary.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel, type NewModel } from "../../src/policy/create-model.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import { qwen2 } from "./fixture-models.js";

const common = { vocabulary: 5003, tokenizer: qwen2, layers: 2 } as const;

export const shapes = {
  /** 896 wide, as Qwen2-0.5B. */
  wide: {
    ...common,
    architecture: "qwen2",
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    headSize: 64,
    intermediate: 4864,
    tie: true,
  },
  /** One key/value head for five, nothing a multiple of 16. */
  odd: {
    ...common,
    architecture: "llama",
    hidden: 200,
    heads: 5,
    kvHeads: 1,
    headSize: 40,
    intermediate: 520,
    tie: false,
  },
  /** A key/value head for each, and norms on them. */
  full: {
    ...common,
    architecture: "qwen3",
    hidden: 200,
    heads: 5,
    kvHeads: 5,
    headSize: 40,
    intermediate: 344,
    tie: true,
  },
} as const satisfies Record<string, NewModel>;

export type ShapeName = keyof typeof shapes;

export interface RandomModels {
  /** The folder of a model, written when first asked for. */
  dir(name: ShapeName): string;
  remove(): void;
}

export function randomModels(): RandomModels {
  const root = mkdtempSync(join(tmpdir(), "agl-models-"));
  const written = new Set<ShapeName>();
  return {
    dir(name) {
      const dir = join(root, name);
      if (!written.has(name)) createModel(dir, shapes[name], { seed: 1, dtype: "bf16" });
      written.add(name);
      return dir;
    },
    remove: () => rmSync(root, { recursive: true }),
  };
}

/** Token ids that look random and are the same each time. */
export function tokensOf(seed: number, length: number): number[] {
  let state = seed * 2_654_435_761 + 12_345;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * common.vocabulary);
  });
}

/** Takes two steps, so that B of the adapter is no longer zero and its output matters. */
export async function disturb(policy: Policy, adapter = "default"): Promise<void> {
  for (const seed of [1, 2]) {
    const tokens = tokensOf(seed, 40);
    const weights = tokens.slice(1).map((_, i) => (i % 3) - 0.9);
    await policy.forwardBackward([{ tokens, weights }], losses.logLikelihood(), { adapter });
    await policy.optimStep({ lr: 0.02, adapter });
  }
}
