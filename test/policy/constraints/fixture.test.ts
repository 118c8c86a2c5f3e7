import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import type { Policy } from "../../../src/policy/policy.js";
import type { JsonSchema } from "../../../src/types/call-request.js";
import { ajvJudge } from "../../grammar/ajv-judge.js";
import { qwen2 } from "../fixture-models.js";

// Every schema of the fixture, through the sampler: what ends is a value that ajv takes. Answers that the limit cuts are counted apart.
const schemas: readonly { readonly name: string; readonly schema: unknown }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/grammar/schemas.json"), "utf8"),
);
let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(qwen2, { contextLength: 256, cacheTokens: 8192, adapter: `${qwen2}/adapter` });
});
afterAll(() => policy.close());

it("what is sampled at temperature 2 under each schema of the fixture parses and validates", async () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [ended, cut, refused] = [0, 0, 0];
  const hold = async (schema: unknown, name: string): Promise<void> => {
    const constraint = await policy.constrain(schema as JsonSchema).catch((error: unknown) => {
      if (error instanceof LightningError && error.code === "E_ARGUMENT") return undefined;
      throw error;
    });
    if (constraint === undefined) return void refused++;
    const judge = ajvJudge(schema);
    for (const choice of await policy.sample({
      prompt: [5, 17, 300, 42],
      n: 6,
      temperature: 2,
      constraint,
      seed: 1,
    })) {
      if (choice.finishReason !== "stop") {
        cut++;
        continue;
      }
      const bytes = [...choice.tokens.slice(0, -1)].map((id) => policy.tokenizer.bytesOf(id));
      const text = decoder.decode(Buffer.concat(bytes));
      expect(judge(JSON.parse(text)), `${name}: ${text}`).toBe(true);
      ended++;
    }
  };
  await Promise.all(schemas.map(({ schema, name }) => hold(schema, name)));
  expect(ended).toBeGreaterThan(250);
  expect(refused).toBeLessThan(20);
  expect(cut).toBeLessThan(150);
});
