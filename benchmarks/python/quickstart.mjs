// PEERS_PYTHON=python node benchmarks/python/quickstart.mjs [FOLDER]: after `npm run quickstart` in FOLDER (this one), the lines of Python that
// it ends with are run there. Fails unless each of its 240 prompts has the same ids, and the adapter the greedy reward that the quickstart wrote.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as agl from "agentlightning";
import { pythonLines } from "../../examples/quickstart/python-lines.js";
import { heldOutQuestions } from "../../examples/quickstart/questions.js";
import { toolDefinitions } from "../../examples/quickstart/tools.js";
import { root } from "../../scripts/command.mjs";

const cwd = resolve(process.argv[2] ?? ".");
const python = process.env.PEERS_PYTHON ?? "python3";
const out = join(".agl", "quickstart");
const model = join(out, "starting-policy");
const last = readFileSync(join(cwd, out, "metrics.jsonl"), "utf8")
  .trim()
  .split("\n")
  .at(-1);
const reward = JSON.parse(last)["eval/reward/greedy"];

const scratch = mkdtempSync(join(tmpdir(), "agl-python-"));
try {
  const [lines, questions] = [join(scratch, "lines.py"), join(scratch, "questions.json")];
  writeFileSync(lines, `${pythonLines(model, join(out, "adapter")).join("\n")}\n`);
  writeFileSync(questions, JSON.stringify({ tools: toolDefinitions, questions: await withIds() }));
  const program = join(root, "benchmarks", "python", "quickstart.py");
  const { status, stdout, stderr, error } = spawnSync(python, [program, lines, questions], {
    cwd,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${python} failed: ${error?.message ?? stderr}`);
  const found = JSON.parse(stdout.trim().split("\n").at(-1));
  console.log(`${found.about}: ${found.differ} of ${found.prompts} prompts have other ids`);
  console.log(`greedy reward ${found.reward.toFixed(4)}, the quickstart's ${reward.toFixed(4)}`);
  process.exitCode = found.differ === 0 && found.reward === reward ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true });
}

// --- internal ---

/** The held-out questions with the ids of their prompts. */
async function withIds() {
  const policy = await agl.loadPolicy(join(cwd, model), { device: "cpu", contextLength: 192 });
  try {
    return heldOutQuestions(240).map((task) => {
      const asked = [{ role: "user", content: task.text }];
      const { text } = policy.renderChat(asked, { tools: toolDefinitions, addGenerationPrompt: true });
      return { task, ids: [...policy.tokenizer.encode(text)] };
    });
  } finally {
    await policy.close();
  }
}
