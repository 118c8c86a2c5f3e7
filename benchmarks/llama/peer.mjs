// llama.cpp through node-llama-cpp, in the folder's own node_modules: installed on demand in an exact version and
// without its GPU binaries (85 MB instead of 670). It reads the same random weights from a GGUF that we write.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/command.mjs";
import { modelFolder, models } from "../models.mjs";
import { writeGguf } from "./gguf.mjs";

/** @returns {import("../peers.mjs").Peer | { name: string, missing: string }} */
export function findLlama() {
  const name = "llama.cpp";
  const missing = install() ?? tryOut();
  if (missing !== undefined) return { name, missing };
  const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  return {
    name,
    dtype: "bf16",
    about: `node-llama-cpp ${version}`,
    does: ({ kind, model }) => model === "0.5B" && ["decode", "prefill", "agree"].includes(kind),
    command: (given) => {
      const { vocabulary } = models[given.model];
      return [process.execPath, program, JSON.stringify({ ...given, vocabulary, file: ggufOf(given.model) })];
    },
  };
}

// --- internal ---

const folder = join(root, "benchmarks", "llama");
const installed = join(folder, "node_modules", "node-llama-cpp");
const program = join(folder, "case.mjs");

function install() {
  if (existsSync(join(installed, "package.json"))) return undefined;
  const args = ["install", "--no-audit", "--no-fund"];
  const { status, stderr, error } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status === 0) return undefined;
  return `npm install in benchmarks/llama failed: ${error?.message ?? lastLine(stderr)}`;
}

/** Whether its binary for this machine loads. */
function tryOut() {
  const code =
    'import("node-llama-cpp").then(({ getLlama }) => getLlama({ gpu: false, build: "never", logLevel: "error" })).then((llama) => llama.dispose())';
  const { status, stderr } = spawnSync(process.execPath, ["-e", code], { cwd: folder, encoding: "utf8" });
  return status === 0 ? undefined : `its binary does not load here: ${lastLine(stderr)}`;
}

function lastLine(text) {
  return text.trim().split("\n").at(-1);
}

function ggufOf(model) {
  const file = join(root, ".agl", "bench", `${model}.gguf`);
  if (!existsSync(file)) writeGguf(modelFolder(model), file);
  return file;
}
