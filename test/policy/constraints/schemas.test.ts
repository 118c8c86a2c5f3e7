// The fixture's schemas on a real engine: what is drawn under their grammars, nearly uniformly, decodes, parses and is valid for ajv.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import type { Constraint } from "../../../src/policy/constraints/constraint.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import type { Policy, SampledChoice } from "../../../src/policy/policy.js";
import type { JsonSchema } from "../../../src/types/call-request.js";
import { ajvJudge } from "../../grammar/ajv-judge.js";
import { qwen2 } from "../fixture-models.js";

const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/grammar/schemas.json", import.meta.url), "utf8"),
) as { name: string; schema: object | boolean }[];

let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(qwen2, { contextLength: 256, cacheTokens: 16384 });
});
afterAll(() => policy.close());

const decoder = new TextDecoder("utf-8", { fatal: true });
function textOf({ tokens }: SampledChoice): string {
  const own = [...tokens].filter((id) => !policy.config.eosTokenIds.includes(id));
  return decoder.decode(Buffer.concat(own.map((id) => policy.tokenizer.bytesOf(id))));
}

async function constrained(schema: object | boolean): Promise<Constraint | undefined> {
  try {
    return await policy.constrain(schema as JsonSchema | boolean);
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_ARGUMENT") return undefined;
    throw error;
  }
}

describe("answers under the fixture's schemas", () => {
  let ended = 0;
  let cut = 0;
  it.each(cases)("$name", async ({ schema }) => {
    const constraint = await constrained(schema);
    if (constraint === undefined) return;
    const isValid = ajvJudge(schema);
    const sampling = { n: 30, maxTokens: 160, temperature: 40, seed: 15 } as const;
    for (const choice of await policy.sample({ prompt: [5, 17, 300, 42], constraint, ...sampling })) {
      expect(choice.mass).toHaveLength(choice.tokens.length);
      if (choice.finishReason === "length") {
        cut++;
        continue;
      }
      ended++;
      const text = textOf(choice);
      expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    }
  });

  it("ended more often than they were cut", () => {
    expect(ended).toBeGreaterThan(cut);
  });
});
