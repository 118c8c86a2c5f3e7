// Clients of both lines of Agent Lightning, in Python and without a package of it: what they bring back trains to the bits of this process' agent.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { Trainer } from "../../../src/trainer/trainer.js";
import { tinyPolicy } from "../tiny-policy.js";
import { dialogue, queueTrainer, scoresOf, untimed } from "./runners.js";

const tasks = ["abc", "bcd"];
const kRollouts = 8;

async function python(
  script: string,
  values: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child: ChildProcess = spawn("python3", [file, ...values], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors += text;
  });
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(errors);
}

/** As 1.0's controller does: looks for rollouts, says that they run, starts the agent, says how it ended. */
async function control(url: string): Promise<void> {
  const key = { authorization: "Bearer secret", "content-type": "application/json" };
  const change = (id: string, state: string) =>
    fetch(`${url}/api/rollouts/${id}`, {
      ...{ method: "PATCH", headers: key, body: JSON.stringify({ status: { state } }) },
    });
  for (let done = 0; done < kRollouts; ) {
    const response = await fetch(`${url}/api/rollouts?state_in=queuing`, { headers: key });
    const queued = (await response.json()) as { rollout_id: string; input: string }[];
    await Promise.all(
      queued.map(async ({ rollout_id: id, input }) => {
        await change(id, "running");
        const base = `/rollout/${id}/attempt/0`;
        await python("agent_10.py", [input], {
          AGL_OPENAI_BASE_URL: `${url}/proxy${base}/mode/train/openai/v1`,
          AGL_EVENT_URL: `${url}/api/rollouts/${id}/attempt/0/events`,
          AGL_KEY: "secret",
        });
        await change(id, "succeeded");
      }),
    );
    done += queued.length;
  }
}

async function train(trainer: Trainer<string>, meanwhile: () => Promise<unknown>) {
  const [report] = await Promise.all([trainer.step(tasks), meanwhile()]);
  expect(report.rollouts.map(({ outcome, modelCalls }) => [outcome, modelCalls])).toEqual(
    Array.from({ length: kRollouts }, () => ["ok", 2]),
  );
  return untimed(report.metrics);
}

it.each(["a runner of 0.3", "a controller and agents of 1.0"])(
  "%s in Python trains to the bits of one process",
  { timeout: 60_000 },
  async (line) => {
    const runs = [];
    for (const runners of ["here", "queue"] as const) {
      await using policy = await tinyPolicy({ contextLength: 128 });
      await using trainer =
        runners === "queue"
          ? queueTrainer(policy, createMemoryStore(), { listen: { port: 0, key: "secret" } })
          : createTrainer<string>({
              ...{ policy, agent: dialogue, seed: 7, klEvery: 1, sampling: { maxTokens: 6 } },
              algorithm: grpo({ groupSize: 4, lr: 3e-2, updates: 2 }),
            });
      const metrics = await train(trainer, async () => {
        if (runners === "here") return;
        const { url } = await trainer.listening();
        if (line.includes("0.3")) await python("runner_03.py", [url, String(kRollouts), "secret"]);
        else await control(url);
      });
      runs.push({ metrics, scores: await scoresOf(policy) });
    }
    expect(runs[1]).toEqual(runs[0]);
  },
);
