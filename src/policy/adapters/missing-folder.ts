// A path that is no folder of a model or of an adapter: what stands there instead, and what to do.
import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { LightningError } from "../../base/error.js";
import { adapterConfigFile } from "./adapter-config.js";

/** @throws E_MODEL, with the remedy, unless the folder is there and has its configuration */
export function requireFolder(who: string, kind: Kind, path: string): void {
  if (hasFile(path, kConfigFiles[kind])) return;
  const { is, remedy } = explain(kind, path);
  const what = kind === "model" ? "a model" : "an adapter";
  throw new LightningError(
    "E_MODEL",
    `${who}: expected the folder of ${what}, got ${JSON.stringify(path)}, which is ${is}; ${remedy}`,
  );
}

// --- internal ---

/** The file by which each is known. */
const kConfigFiles = { model: "config.json", adapter: adapterConfigFile } as const;

type Kind = keyof typeof kConfigFiles;

interface Explanation {
  /** What stands there. */
  readonly is: string;
  readonly remedy: string;
}

function explain(kind: Kind, path: string): Explanation {
  const status = statOf(path);
  if (status === undefined) return explainAbsent(kind, path);
  if (status.isDirectory()) return explainFolder(kind, path);
  if (path.endsWith(".gguf"))
    return { is: "a GGUF file", remedy: `take the folder with the ${kind}'s safetensors files` };
  return { is: "a file", remedy: `give the folder it lies in, ${show(dirname(path))}` };
}

function explainAbsent(kind: Kind, path: string): Explanation {
  if (path.startsWith("~"))
    return {
      is: "no folder: only a shell expands ~",
      remedy: `write ${show(join(homedir(), path.slice(1)))}`,
    };
  if (path.startsWith("file:"))
    return { is: "an address, not a path", remedy: "write fileURLToPath(address), of node:url" };
  const name = hubName(path);
  if (name !== undefined) {
    const is = "no folder here and reads as a name on the Hugging Face Hub";
    const cached = snapshotOf(hubCache(), name, kConfigFiles[kind]);
    if (cached !== undefined) return { is, remedy: `its files are in the Hub's cache, at ${show(cached)}` };
    const folder = `./${basename(name)}`;
    const fetch = `hf download ${name} --local-dir ${folder}`;
    return { is, remedy: `nothing is fetched by itself: run \`${fetch}\` once, and give ${show(folder)}` };
  }
  const is = `not there, at ${resolve(path)}`;
  if (kBareName.test(path) || kOtherAddress.test(path)) return { is, remedy: kRemedies[kind] };
  return { is, remedy: "a path begins at the folder that the process was started in" };
}

/** As Ollama, a provider or a README names a model: no path at all. */
const kBareName = /^(?!\.)[\w.-]+(:[\w.-]+)?$/;
const kOtherAddress = /^[a-z][a-z\d+]+:\/\//;
const kRemedies: Readonly<Record<Kind, string>> = {
  model:
    "a policy is made of weights on this machine, in a folder as the Hugging Face Hub has them, not of a name: run " +
    "`hf download ORG/NAME --local-dir ./NAME` once, as of Qwen/Qwen2.5-0.5B-Instruct, and give its path",
  adapter:
    "an adapter is read from a folder as PEFT saves it; a path begins at the folder that the process was started in",
};

function explainFolder(kind: Kind, path: string): Explanation {
  const file = kConfigFiles[kind];
  const other = kind === "model" ? "adapter" : "model";
  if (hasFile(path, kConfigFiles[other])) return kind === "model" ? explainAdapter(path) : explainModel(path);
  const is = `a folder without ${file}`;
  const snapshot = newestSnapshot(path, file);
  if (snapshot !== undefined)
    return { is, remedy: `the Hub's cache keeps the files deeper, give ${show(snapshot)}` };
  const names = namesIn(path);
  const inside = names
    .filter((name) => hasFile(join(path, name), file))
    .map((name) => show(join(path, name)));
  if (inside.length > 0) return { is, remedy: `did you mean ${inside.slice(0, 3).join(" or ")}?` };
  if (names.some((name) => name.endsWith(".gguf")))
    return { is: `${is}, but with GGUF files`, remedy: `take the ${kind}'s safetensors files` };
  return { is, remedy: `it needs all files of a Hugging Face ${kind}` };
}

function explainAdapter(path: string): Explanation {
  const base = baseOf(path) ?? "the model's folder";
  return {
    is: "an adapter's folder",
    remedy: `load its base model with it, as in loadPolicy(${show(base)}, { adapter: ${show(path)} })`,
  };
}

function explainModel(path: string): Explanation {
  return { is: "a model's folder", remedy: `load it as a model, as in loadPolicy(${show(path)})` };
}

function baseOf(path: string): string | undefined {
  try {
    const config: unknown = JSON.parse(readFileSync(join(path, kConfigFiles.adapter), "utf8"));
    const name: unknown = Object(config).base_model_name_or_path;
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined; // It is not what was asked for, and only to be named.
  }
}

/** "ORG/NAME", from itself or from an address of the Hub. */
function hubName(path: string): string | undefined {
  const plain = path.replace(/^(https?:\/\/)?(www\.)?(huggingface\.co|hf\.co)\/|^hf:(\/\/)?/, "");
  const isAddress = plain !== path;
  // Behind the name: the revision, or where in the repository.
  const found = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(@[\w./-]+|\/.*)?$/.exec(plain);
  if (found === null) return undefined;
  const isWhole = found[2] === undefined || found[2].startsWith("@");
  return isAddress || isWhole ? found[1] : undefined;
}

function hubCache(): string {
  const { HF_HUB_CACHE: cache, HF_HOME: home } = process.env;
  return cache || join(home || join(homedir(), ".cache", "huggingface"), "hub");
}

function snapshotOf(cache: string, name: string, file: string): string | undefined {
  return newestSnapshot(join(cache, `models--${name.replace("/", "--")}`), file);
}

function newestSnapshot(path: string, file: string): string | undefined {
  const folder = join(path, "snapshots");
  const times = namesIn(folder)
    .map((name) => join(folder, name))
    .filter((snapshot) => hasFile(snapshot, file))
    .map((snapshot) => ({ snapshot, time: statOf(snapshot)?.mtimeMs ?? 0 }));
  return times.sort((a, b) => b.time - a.time)[0]?.snapshot;
}

function namesIn(path: string): readonly string[] {
  return isFolder(path) ? readdirSync(path).sort() : [];
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() === true;
}

function hasFile(path: string, name: string): boolean {
  return statOf(join(path, name))?.isFile() === true;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (cause) {
    const code: unknown = Object(cause).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LightningError(
      "E_MODEL",
      `${show(path)}: expected a path that can be read, got ${String(cause)}`,
      {
        cause,
      },
    );
  }
}

function show(path: string): string {
  return JSON.stringify(path);
}
