// A bandit whose arms are the values of an enum: answers are held to a schema, and training moves the one token that is a choice.
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed" });
const schema = {
  type: "object",
  properties: { a: { enum: [..."bcdefghi"] } },
  required: ["a"],
  additionalProperties: false,
};
const bandit = async (task: string) => {
  const { choices } = await client.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: task }],
    response_format: { type: "json_schema", json_schema: { name: "arm", strict: true, schema } },
  });
  return (JSON.parse(choices[0]?.message.content ?? "") as { a: string }).a === "d";
};

describe("GRPO on a bandit by structured output", () => {
  it("reaches reward 0.95, and the loss has the tokens alone that were a choice", {
    timeout: 60_000,
  }, async () => {
    await using policy = await tinyPolicy({ letters: [...'{}":Ġabcdefghij'] });
    const algorithm = grpo({ groupSize: 16, lr: 1e-2 });
    await using trainer = createTrainer({
      policy,
      agent: bandit,
      algorithm,
      sampling: { maxTokens: 16 },
      seed: 3,
    });
    const tasks = ["abc", "cab", "bca", "acb"];
    let reward = 0;
    let mass = Number.NaN;
    for (let step = 0; step < 60 && reward < 0.95; step++) {
      const { metrics } = await trainer.step(tasks);
      reward = metrics["reward/mean"] ?? Number.NaN;
      mass = metrics["constraint/mass"] ?? Number.NaN;
      // {"a": "d"} and the end of the turn: eleven tokens, of which one was a choice; all are compared bit for bit.
      expect(metrics["exact/compared"]).toBe(11 * (metrics["update/tokens"] ?? 0));
      expect(metrics["exact/stale"]).toBe(0);
    }
    expect(reward).toBeGreaterThanOrEqual(0.95);
    expect(mass).toBeGreaterThan(0.5);
    expect(mass).toBeLessThanOrEqual(1);
  });
});

describe("an answer that its schema leaves no choice", () => {
  it("trains nothing, beside answers that do, and is compared all the same", async () => {
    await using policy = await tinyPolicy({ letters: [...'{}":Ġabcdefghij'] });
    const only = { ...schema, properties: { a: { const: "b" } } };
    let calls = 0;
    const agent = async () => {
      await client.chat.completions.create({
        model: "m",
        messages: [{ role: "user", content: "abc" }],
        response_format: { type: "json_schema", json_schema: { name: "arm", strict: true, schema: only } },
      });
      return calls++ % 2;
    };
    const algorithm = grpo({ groupSize: 4, lr: 1e-2 });
    await using trainer = createTrainer({ policy, agent, algorithm, sampling: { maxTokens: 16 }, seed: 3 });
    const { metrics } = await trainer.step(["abc"]);
    expect(metrics).toMatchObject({ "update/tokens": 0, "update/loss": 0, "update/grad_norm": 0 });
    expect(metrics["exact/compared"]).toBe(4 * 11);
    expect(metrics).not.toHaveProperty("constraint/mass");
  });
});
