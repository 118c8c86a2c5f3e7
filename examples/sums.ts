// A typed agent, and tasks of its own type, trained for a few steps: sums, answered by the number alone.
//   node sums.ts MODEL_FOLDER [STEPS]     Node 22.18 or newer, which strips types; older ones by any TypeScript runner
import * as agl from "agentlightning";

interface Sum {
  readonly a: number;
  readonly b: number;
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string | null } }[];
}

const [, , folder, steps = "20"] = process.argv;
if (folder === undefined) throw new Error("usage: node sums.ts MODEL_FOLDER [STEPS]");

const policy = await agl.loadPolicy(folder, { adapter: { rank: 16 }, contextLength: 192, seed: 1 });
const trainer = agl.createTrainer({
  policy,
  // The annotation makes it a Trainer<Sum>: step takes sums alone.
  agent: async (task: Sum, { signal }) =>
    closeness(await ask(`${task.a} + ${task.b} =`, signal), task.a + task.b),
  algorithm: agl.grpo({ groupSize: 8, lr: 1e-3 }),
  sampling: { maxTokens: 8 },
  seed: 1,
});
for (let step = 0; step < Number(steps); step++) {
  const tasks = Array.from(
    { length: 8 },
    (_, i): Sum => ({ a: (step * 3 + i) % 10, b: (step + i * 7) % 10 }),
  );
  const { metrics } = await trainer.step(tasks);
  console.log(`step ${step + 1}   reward ${metrics["reward/mean"]?.toFixed(3)}`);
}
await trainer.close();
await policy.close();

// --- internal ---

/** An ordinary model call; inside a rollout the policy answers it. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const response = await fetch("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer none" },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: question }] }),
    signal,
  });
  const { choices } = (await response.json()) as Completion;
  return choices[0]?.message.content ?? "";
}

/** 1 for the sum and nothing else; for other text the share that is digits, halved, so that there is something to learn from. */
function closeness(answer: string, sum: number): number {
  if (answer.trim() === `${sum}`) return 1;
  return answer === "" ? 0 : (answer.match(/\d/g) ?? []).length / answer.length / 2;
}
