// Agents that are not this process' code, many at once: every call is its rollout's, and what is learned does not depend on where the agent ran.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { StepReport } from "../../src/trainer/trainer.js";
import type { Agent } from "../../src/types/agent.js";
import { root } from "../rules/sources.js";
import { tinyPolicy } from "./tiny-policy.js";

interface Task {
  readonly question: string;
  readonly hint: string;
  readonly answer: string;
}

const kAgent = join(root, "examples/python-agent.py");
/** Itself, past what chooses between several. */
const kPython = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).trim();
const task = (question: string): Task => ({ question, hint: "de", answer: "c" });

const inPython =
  (...options: string[]): Agent<Task> =>
  async (given, { endpoint, signal }) => {
    const env = { ...process.env, ...endpoint.env };
    const args = [kAgent, JSON.stringify(given), ...options];
    const { stdout } = await promisify(execFile)(kPython, args, { env, signal });
    return options.length > 0 ? undefined : Number(stdout);
  };

/** The same agent in this process. */
const here: Agent<Task> = async ({ question, hint, answer }, { endpoint }) => {
  const messages = [{ role: "user", content: question }];
  const chat = async () => {
    const response = await fetch(`${endpoint.openai}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "policy", messages }),
    });
    const body = (await response.json()) as { choices: { message: { content: string | null } }[] };
    return body.choices[0]!.message.content ?? "";
  };
  messages.push({ role: "assistant", content: await chat() }, { role: "user", content: hint });
  return (await chat()).includes(answer);
};

const kThread = `
const { parentPort, workerData: { task, env } } = require("node:worker_threads");
(async () => {
  const messages = [{ role: "user", content: task.question }];
  const chat = async () => {
    const response = await fetch(env.OPENAI_BASE_URL + "/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer " + env.OPENAI_API_KEY },
      body: JSON.stringify({ model: "policy", messages }),
    });
    return (await response.json()).choices[0].message.content ?? "";
  };
  messages.push({ role: "assistant", content: await chat() }, { role: "user", content: task.hint });
  parentPort.postMessage((await chat()).includes(task.answer) ? 1 : 0);
})();`;

const inThread: Agent<Task> = (given, { endpoint }) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(kThread, { eval: true, workerData: { task: given, env: { ...endpoint.env } } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

interface Training {
  readonly tasks: readonly Task[];
  readonly groupSize: number;
  readonly steps: number;
  readonly key?: string;
}

async function train(agent: Agent<Task>, { tasks, groupSize, steps, key }: Training) {
  const dir = mkdtempSync(join(tmpdir(), "agl-adapter-"));
  try {
    await using policy = await tinyPolicy({ train: "adapter" });
    await using trainer = createTrainer<Task>({
      ...{ policy, agent, sampling: { maxTokens: 4 }, seed: 7 },
      algorithm: grpo({ groupSize, lr: 1e-2 }),
      listen: { port: 0, ...(key === undefined ? {} : { key }) },
    });
    const reports: StepReport[] = [];
    while (reports.length < steps) reports.push(await trainer.step(tasks));
    await policy.saveAdapter(dir);
    return { reports, adapter: readFileSync(join(dir, "adapter_model.safetensors")).toString("hex") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Rollouts that count, their calls, and those of them that are in the rows of their own rollout. */
function attributed({ rollouts }: StepReport) {
  const calls = rollouts.flatMap(({ rolloutId, trajectories }) =>
    trajectories.flatMap(({ transitions }) =>
      transitions.filter((transition) => transition.rolloutId === rolloutId),
    ),
  );
  return {
    rollouts: rollouts.filter(({ outcome }) => outcome === "ok").length,
    told: rollouts.reduce((sum, { modelCalls }) => sum + modelCalls, 0),
    calls: new Set(calls.map(({ responseId }) => responseId)).size,
  };
}

const tasks = ["ab", "cd", "ef", "gh", "ij", "kl", "mn"].map(task);

describe("fifty-six rollouts at once", { timeout: 120_000 }, () => {
  it.each([
    ["Python children that print their reward", inPython()],
    ["worker threads", inThread],
  ])("in %s train in one step, each of their 112 calls attributed", async (_, agent) => {
    const { reports } = await train(agent, { tasks, groupSize: 8, steps: 1, key: "secret" });
    expect(attributed(reports[0]!)).toEqual({ rollouts: 56, told: 112, calls: 112 });
    expect(reports[0]!.metrics["reward/mean"]).toBeGreaterThan(0);
    expect(reports[0]!.metrics["exact/compared"]).toBeGreaterThan(0);
  });
});

describe("the same agent, tasks and seed", { timeout: 120_000 }, () => {
  it("give the same adapter in process, in children that print, in children that tell, and in threads", async () => {
    const few = { tasks: tasks.slice(0, 1), groupSize: 4, steps: 2 };
    const inside = await train(here, few);
    expect((await train(here, { ...few, tasks: tasks.slice(1, 2) })).adapter).not.toBe(inside.adapter);
    for (const agent of [inPython(), inPython("--tell"), inThread])
      expect((await train(agent, few)).adapter).toBe(inside.adapter);
  });
});
