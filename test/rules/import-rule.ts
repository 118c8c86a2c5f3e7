// The import rule of this package: who may import whom, for TypeScript and for C++ includes. Pure functions over
// { path: text }, so that the rule itself is tested on planted violations.
//
// A file imports its own folder or a folder of strictly lower rank; `import type` counts; no cycle inside a folder; among
// the rooms of a folder see room-rule.ts.
import { dirname, join, normalize } from "node:path/posix";
import { roomViolation } from "./room-rule.js";

/** Text of each file by its path from the repository root. */
export type Sources = Readonly<Record<string, string>>;

/** Rank of each folder of src/; equal ranks are strangers. `src/index.ts` has the highest. */
export const typescriptRanks: Readonly<Record<string, number>> = {
  types: 0,
  base: 0,
  jinja: 1,
  llm: 1,
  grammar: 1,
  tracing: 2,
  store: 2,
  adapter: 2,
  credit: 2,
  reward: 2,
  policy: 2,
  resources: 2,
  runner: 3,
  algorithms: 3,
  server: 3,
  trainer: 4,
  cli: 5,
  "index.ts": 5,
  "testing.ts": 5,
  "register.ts": 5,
};

/** Rank of each folder of native/; `engine` stands for the files native/engine.* and native/*.h. */
export const nativeRanks: Readonly<Record<string, number>> = {
  core: 0,
  ops: 1,
  model: 2,
  sample: 3,
  train: 3,
  engine: 4,
};

/** Every breach of the rule among TypeScript files below src/, as sentences. */
export function typescriptViolations(sources: Sources): string[] {
  const violations: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [path, text] of Object.entries(sources)) {
    const folder = folderBelow("src/", path);
    const targets: string[] = [];
    for (const specifier of importsOf(text)) {
      if (specifier === "node-gyp-build" && path !== "src/policy/engine/binding.ts") {
        violations.push(`${path} loads the addon; only src/policy/engine/binding.ts may`);
      }
      if (!specifier.startsWith(".")) continue;
      const target = join(dirname(path), specifier).replace(/\.js$/, ".ts");
      targets.push(target);
      if (sources[target] === undefined)
        violations.push(`${path} imports ${specifier}, which is no file of src/`);
      else
        violations.push(
          ...rankViolation(path, folder, target, folderBelow("src/", target), typescriptRanks),
          ...roomViolation(path, target),
        );
    }
    edges.set(path, targets);
  }
  return [...violations, ...cycles(edges)];
}

/** Every breach of the rule among C++ files below native/ and bindings/, as sentences. */
export function nativeViolations(sources: Sources): string[] {
  const violations: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [path, text] of Object.entries(sources)) {
    const targets: string[] = [];
    for (const { name, isSystem } of includesOf(text)) {
      if (isSystem) {
        violations.push(...systemViolation(path, name));
        continue;
      }
      const target = resolveInclude(sources, path, name);
      if (target === undefined) {
        violations.push(`${path} includes "${name}", which is no file below native/ or beside it`);
        continue;
      }
      targets.push(target);
      violations.push(...includeViolation(path, target));
    }
    edges.set(path, targets);
  }
  return [...violations, ...cycles(edges)];
}

/** Specifiers of static imports and exports (which stand at the start of a line), import() and require(). */
export function importsOf(text: string): string[] {
  const patterns = [
    /^(?:import|export)\s(?:[^;"'`]*?\sfrom\s*)?["']([^"']+)["']/gm,
    /\bimport\(\s*["'`]([^"'`]+)["'`]/g,
    /\brequire\(\s*["'`]([^"'`]+)["'`]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!));
}

/** The names a C++ file includes; `isSystem` for <name>. */
export function includesOf(text: string): { name: string; isSystem: boolean }[] {
  const found = text.matchAll(/^[ \t]*#[ \t]*include[ \t]*(?:<([^>]+)>|"([^"]+)")/gm);
  return [...found].map((match) => ({ name: (match[1] ?? match[2])!, isSystem: match[1] !== undefined }));
}

// --- internal ---

const posixHeader = /^(sys\/|unistd\.h|fcntl\.h|pthread\.h|sched\.h|dlfcn\.h|dirent\.h)/;
const nodeHeader = /^(napi|node_api|js_native_api|uv)\b/;
const x86Header = /intrin\.h$/;
const isOneInstructionSet = (path: string) =>
  /\.(scalar|avx2|avx512|amx)\.cpp$|\.lanes\.h$|\/lanes\.h$|\.inc$/.test(path);

function folderBelow(prefix: string, path: string): string {
  return path.slice(prefix.length).split("/")[0]!;
}

function nativeFolder(path: string): string {
  const folder = folderBelow("native/", path);
  return folder.includes(".") ? "engine" : folder;
}

function rankViolation(
  from: string,
  fromFolder: string,
  to: string,
  toFolder: string,
  ranks: Readonly<Record<string, number>>,
): string[] {
  const [fromRank, toRank] = [ranks[fromFolder], ranks[toFolder]];
  if (fromRank === undefined) return [`${from} lies in ${fromFolder}, which has no rank`];
  if (toRank === undefined) return [`${to} lies in ${toFolder}, which has no rank`];
  if (fromFolder === toFolder || toRank < fromRank) return [];
  return [`${from} (rank ${fromRank}) imports ${to} (rank ${toRank})`];
}

function includeViolation(from: string, to: string): string[] {
  if (from.startsWith("bindings/")) {
    if (to.startsWith("bindings/") || to === "native/engine.h") return [];
    return [`${from} includes ${to}; of native/ bindings see only native/engine.h`];
  }
  if (to.startsWith("bindings/")) return [`${from} includes ${to}; native/ does not know bindings/`];
  if (isOneInstructionSet(to) && !isOneInstructionSet(from)) {
    return [`${from} includes ${to}; only files of one instruction set may`];
  }
  return [
    ...rankViolation(from, nativeFolder(from), to, nativeFolder(to), nativeRanks),
    ...roomViolation(from, to),
  ];
}

function systemViolation(path: string, name: string): string[] {
  if (nodeHeader.test(name) && !path.startsWith("bindings/")) {
    return [`${path} includes <${name}>; only bindings/ may`];
  }
  if (posixHeader.test(name) && !/^native\/core\/os_\w+\.cpp$/.test(path)) {
    return [`${path} includes <${name}>; only native/core/os_*.cpp may`];
  }
  if (x86Header.test(name) && !isOneInstructionSet(path)) {
    return [`${path} includes <${name}>; only files of one instruction set may`];
  }
  return [];
}

function resolveInclude(sources: Sources, from: string, name: string): string | undefined {
  const candidates = [`native/${name}`, join(dirname(from), name)].map(normalize);
  return candidates.find((candidate) => sources[candidate] !== undefined);
}

/** One sentence for each cycle found; across folders the ranks forbid them already. */
function cycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      found.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" -> ")}`);
      return;
    }
    state.set(path, "open");
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, "done");
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}
