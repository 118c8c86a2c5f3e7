// Law 6: which of a rollout's calls is answered first, and how many rollouts run at a time, changes no bit of what is trained.
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const user = (content: string): Message => ({ role: "user", content });
const ask = async (messages: Message[], max_tokens = 4) => {
  const { choices } = await client.chat.completions.create({ model: "m", messages, max_tokens });
  return choices[0]?.message.content ?? "";
};
const earned = (texts: readonly string[]) => texts.join("").length + (texts.join("").includes("c") ? 1 : 0);

/** The i-th of several things that run side by side waits so long: in order, or the other way round. */
type Wait = (i: number) => Promise<unknown>;

const agents: Readonly<Record<string, (task: string, wait: Wait) => Promise<number>>> = {
  "calls side by side": async (task, wait) =>
    earned(
      await Promise.all(
        ["ab", "cd", "ef"].map(async (more, i) => {
          await wait(i);
          return ask([user(task + more)]);
        }),
      ),
    ),
  "answers of other lengths side by side": async (task, wait) =>
    earned(
      await Promise.all(
        [6, 3, 1].map(async (length, i) => {
          await wait(i);
          return ask([user(task + "gh".repeat(i + 1))], length);
        }),
      ),
    ),
  "several that go on from one": async (task, wait) => {
    const asked = [user(task)];
    const content = await ask(asked);
    const told: Message[] = [...asked, { role: "assistant", content }];
    const texts = await Promise.all(
      ["a", "b", "c"].map(async (more, i) => {
        await wait(i);
        return ask([...told, user(more)]);
      }),
    );
    return earned([content, ...texts]);
  },
  "dialogues side by side": async (task, wait) => {
    const talk = async (more: string, i: number) => {
      const messages = [user(task + more)];
      for (let turn = 0; turn < 2; turn++) {
        await wait(i);
        messages.push({ role: "assistant", content: await ask(messages, 2) }, user("o"));
      }
      return ask(messages, 2);
    };
    return earned(await Promise.all(["i", "jk"].map(talk)));
  },
  "one call after the other": async (task) =>
    earned([await ask([user(task)]), await ask([user(`${task}l`)])]),
};

/** @returns the numbers of every step, times apart, and the weights that they end in, as seen by what they give */
async function train(agent: (task: string) => Promise<number>, concurrency: number) {
  await using policy = await tinyPolicy({ contextLength: 128 });
  await using trainer = createTrainer<string>({
    ...{ policy, agent, concurrency, seed: 7, klEvery: 1, sampling: { maxTokens: 6 } },
    algorithm: grpo({ groupSize: 4, lr: 3e-2, updates: 2 }),
  });
  const { steps } = await trainer.fit([
    ["abc", "bcd", "abc"],
    ["cde", "def"],
  ]);
  const numbers = steps.map(({ metrics }) =>
    Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith("time/"))),
  );
  const [scored] = await policy.score([Int32Array.from({ length: 16 }, (_, i) => i)]);
  expect(numbers.every((step) => (step["update/count"] ?? 0) > 0)).toBe(true);
  return { numbers, scored: Array.from(scored?.logprobs ?? []) };
}

describe("the same seed", { timeout: 60_000 }, () => {
  it.each(Object.entries(agents))("gives the same bits for %s", async (_, agent) => {
    const inOrder = await train((task) => agent(task, (i) => sleep(10 * i)), 1);
    expect(await train((task) => agent(task, (i) => sleep(10 * (2 - i))), 64)).toEqual(inOrder);
  });
});
