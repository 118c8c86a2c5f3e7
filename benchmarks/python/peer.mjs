// transformers, PEFT and TRL, run by the interpreter that PEERS_PYTHON names, on the same model folders. Without one, the dated
// figures of dated.mjs are printed instead; they are never rows.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../../scripts/command.mjs";
import { modelFolder, models } from "../models.mjs";

/** @returns {(import("../peers.mjs").Peer | { name: string, missing: string })[]} */
export function findPython() {
  const { python, about, missing } = findInterpreter();
  if (missing !== undefined) return [{ name: "Python peers", missing }];
  const command = (dtype) => (given) => {
    const { vocabulary } = models[given.model];
    return [
      python,
      program,
      JSON.stringify({ ...given, dtype, vocabulary, folder: modelFolder(given.model) }),
    ];
  };
  const modelWork = ["decode", "prefill", "training", "agree"];
  return [
    {
      ...{ name: "transformers", dtype: "bf16", about, command: command("bf16") },
      does: ({ kind, model }) => model === "0.5B" && modelWork.includes(kind),
    },
    {
      ...{ name: "TRL", dtype: "f32", about, command: command("f32") },
      does: ({ kind, train }) => kind === "grpo" && train === "all",
    },
  ];
}

/** TRL as learning.mjs runs it. @returns {{ name: string, about: string, command: (given: object) => string[] } | { name: string, missing: string }} */
export function findLearner() {
  const { python, about, missing } = findInterpreter();
  if (missing !== undefined) return { name: "TRL", missing };
  return { name: "TRL", about, command: (given) => [python, learnProgram, JSON.stringify(given)] };
}

// --- internal ---

function findInterpreter() {
  const python = process.env.PEERS_PYTHON;
  if (python === undefined) return { missing: "PEERS_PYTHON names no interpreter" };
  const { status, stdout, stderr, error } = spawnSync(python, ["-c", versions], { encoding: "utf8" });
  if (status === 0) return { python, about: stdout.trim() };
  return { missing: `${python} lacks what they need: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
}

const program = join(root, "benchmarks", "python", "case.py");
const learnProgram = join(root, "benchmarks", "python", "learn.py");
const versions =
  'import torch, transformers, peft, trl, datasets; print(", ".join(f"{m.__name__} {m.__version__}" for m in (torch, transformers, peft, trl)))';
