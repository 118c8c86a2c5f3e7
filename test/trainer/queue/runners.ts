// Runners of a queue's tests, in this process: they meet the trainer in its store and at its address alone, as those of other processes do.
import OpenAI from "openai";
import { grpo } from "../../../src/algorithms/grpo.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createInProcessRun } from "../../../src/runner/run-in-process.js";
import { runRunner } from "../../../src/runner/runner.js";
import type { LightningStore } from "../../../src/store/store.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import type { Agent } from "../../../src/types/agent.js";
import type { AttemptedRollout } from "../../../src/types/rollout.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });

/** Two turns; the reward is of what was answered. */
export async function dialogue(task: string): Promise<number> {
  const messages: OpenAI.Chat.Completions.ChatCompletionMessageParam[] = [{ role: "user", content: task }];
  let text = "";
  for (let turn = 0; turn < 2; turn++) {
    const { choices } = await client.chat.completions.create({ model: "m", messages, max_tokens: 3 });
    const content = choices[0]?.message.content ?? "";
    text += content;
    messages.push({ role: "assistant", content }, { role: "user", content: "o" });
  }
  return [...text].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % 5;
}

export interface TestRunner extends AsyncDisposable {
  readonly events: readonly string[];
}

export function startRunner(store: LightningStore, agent: Agent<never>, workerId = "runner-a"): TestRunner {
  const drain = new AbortController();
  const events: string[] = [];
  const running = runRunner({
    ...{ store, workerId, concurrency: 16, drain: drain.signal },
    run: createInProcessRun(agent, { graceMs: 100 }),
    onEvent: (message) => events.push(message),
  });
  return {
    events,
    [Symbol.asyncDispose]: async () => {
      drain.abort();
      await running;
    },
  };
}

export function queueTrainer<Task = string>(
  policy: Policy,
  store: LightningStore,
  more: Partial<TrainerOptions<Task>> = {},
) {
  return createTrainer<Task>({
    ...{ policy, store, runners: "queue", listen: { port: 0 }, seed: 7, klEvery: 1 },
    ...{ algorithm: grpo({ groupSize: 4, lr: 3e-2, updates: 2 }), sampling: { maxTokens: 6 } },
    ...more,
  });
}

export const untimed = (metrics: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith("time/")));

/** The weights, as seen by what they give. */
export async function scoresOf(policy: Policy): Promise<readonly number[]> {
  const [scored] = await policy.score([Int32Array.from({ length: 16 }, (_, i) => i)]);
  return Array.from(scored?.logprobs ?? []);
}

/** Takes what is queued and does with each what its task says, past every runner: as a client that may do anything. */
export async function act<Task>(
  store: LightningStore,
  count: number,
  acts: (rollout: AttemptedRollout & { readonly input: Task }) => Promise<void>,
): Promise<void> {
  for (let done = 0; done < count; ) {
    const claimed = await store.claim("actor", count, { timeoutMs: 20_000 });
    await Promise.all(claimed.map((rollout) => acts(rollout as never)));
    done += claimed.length;
  }
}
