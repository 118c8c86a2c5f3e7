// The types as they are published: dist/ under the compilers and settings of users, with the libraries' own declarations checked.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { publicNames } from "../rules/public-names.js";
import { root } from "../rules/sources.js";

// A compiler on a machine that does other work beside takes a minute.
vi.setConfig({ testTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), "agl-types-"));
const compilers = {
  "TypeScript 7": "node_modules/typescript/bin/tsc",
  "TypeScript 5.9": "node_modules/typescript-5/bin/tsc",
};
const settings = {
  "nodenext, by its defaults": { module: "nodenext" },
  "nodenext without Node's types": { module: "nodenext", types: [] },
  "nodenext without the DOM": { module: "nodenext", lib: ["es2022"], types: ["node"] },
  bundler: { module: "esnext", moduleResolution: "bundler", target: "es2022" },
  "bundler without Node's types": { module: "preserve", target: "es2020", types: [] },
};
const runs = [
  ...Object.keys(settings).map((setting) => ["TypeScript 7", setting] as const),
  ["TypeScript 5.9", "nodenext, by its defaults"],
  ["TypeScript 5.9", "bundler"],
] as const;

beforeAll(() => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "agentlightning"));
  symlinkSync(join(root, "node_modules", "@types"), join(folder, "node_modules", "@types"));
  for (const [name, text] of Object.entries(sources())) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the published types", () => {
  it.each(runs)(
    "compile with every public type and the blocks of README and docs/algorithms: %s, %s",
    (compiler, setting) => {
      // The example is a program of Node's: it has a test of its own.
      const files = Object.keys(sources()).filter((name) => name !== "sums.ts");
      expect(errorsOf(compiler, setting, files)).toEqual([]);
    },
  );

  it.each(Object.keys(compilers))("show the mistakes of a caller: %s", (compiler) => {
    writeFileSync(join(folder, "wrong.mts"), kWrong);
    const errors = errorsOf(compiler, "nodenext, by its defaults", ["wrong.mts"]);
    expect(errors.map((line) => /^wrong\.mts\((\d+),.*(TS\d+)/.exec(line)?.slice(1).join(" "))).toEqual([
      "6 TS18046",
      "7 TS2353",
      "8 TS2322",
    ]);
  });

  it.each(Object.keys(compilers))("compile with examples/sums.ts: %s", (compiler) => {
    expect(errorsOf(compiler, "nodenext without the DOM", ["sums.ts"])).toEqual([]);
  });

  it("name no type that is not public", () => {
    expect(unexportedTypes(join(root, "dist/index.d.ts"), join(root, "dist/testing.d.ts"))).toEqual([]);
  });

  it("are walked through every form in which a declaration names a type", () => {
    const text = [
      "interface Base { a: Inner } interface Inner {} type Hidden = { b: number } | Inner;",
      "declare class Kept { private secret: Secret; constructor(options: Options); } interface Secret {} interface Options {}",
      "export interface Public<T> extends Base { map(of: ReadonlyMap<string, Hidden>): T; kept: Kept }\nexport {};",
    ].join("\n");
    writeFileSync(join(folder, "walked.d.ts"), text);
    expect(unexportedTypes(join(folder, "walked.d.ts")).sort()).toEqual([
      "Base, of Public",
      "Hidden, of Public",
      "Inner, of Base, Hidden",
      "Kept, of Public",
      "Options, of Kept",
    ]);
  });
});

// --- internal ---

const kTasks = `
import { type Agent, type Policy, type Trainer, createTrainer } from "agentlightning";
interface Question { readonly question: string; readonly answer: string }
declare const policy: Policy;
const annotated = createTrainer({ policy, agent: async (task: Question) => task.question.length });
const given = createTrainer<Question>({ policy, agent: (task, { signal }) => (signal.aborted ? 0 : task.answer.length) });
declare const agent: Agent<Question>;
export const trainers: readonly Trainer<Question>[] = [annotated, given, createTrainer({ policy, agent })];
export const step = annotated.step([{ question: "1 + 1", answer: "2" }]);
// @ts-expect-error a task of another type
export const wrong = annotated.step([{ question: 1 }]);
`;

const kWrong = `
import { type Policy, createTrainer, grpo, loadPolicy } from "agentlightning";
interface Question { readonly question: string }
declare const policy: Policy;
export const trainers = [
  createTrainer({ policy, agent: async (task) => task.question }),
  createTrainer({ policy, agent: async (task: Question) => task.question.length, algorithm: grpo({ groups: 8 }) }),
  loadPolicy("model", { adapter: { rank: "16" } }),
];
`;

/** Files of a user, by name. */
function sources(): Readonly<Record<string, string>> {
  const types = publicNames(readFileSync(join(root, "src/index.ts"), "utf8")).filter((name) =>
    name.startsWith("type "),
  );
  const pages = { readme: "README.md", algorithms: "docs/algorithms.md" };
  const blocks = Object.entries(pages).flatMap(([name, page]) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/^```ts\n(.*?)^```/gms)].map(
      ([, text], i): readonly [string, string] => [`${name}-${i}.mts`, text ?? ""],
    ),
  );
  return {
    "types.mts": `export type { ${types.map((name) => name.slice("type ".length)).join(", ")} } from "agentlightning";\nexport type { CheckLossOptions, Expect, TestRunner } from "agentlightning/testing";\n`,
    "tasks.mts": kTasks,
    "sums.ts": readFileSync(join(root, "examples/sums.ts"), "utf8"),
    "my-agent.ts": `export interface Question { readonly question: string; readonly answer: string }
export declare function answer(question: string): Promise<string>;
export declare const batches: readonly (readonly Question[])[];\n`,
    ...Object.fromEntries(blocks),
  };
}

/** Of declaration files, as scripts/unexported-types.mjs finds them. */
function unexportedTypes(...entries: readonly string[]): string[] {
  const script = join(root, "scripts/unexported-types.mjs");
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...entries], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

function errorsOf(compiler: string, setting: string, files: readonly string[]): string[] {
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: false },
    ...settings[setting as keyof typeof settings],
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const program = join(root, compilers[compiler as keyof typeof compilers]);
  const { stdout, status } = spawnSync(process.execPath, [program, "-p", "."], {
    cwd: folder,
    encoding: "utf8",
  });
  const errors = stdout.split("\n").filter((line) => line.includes("error TS"));
  if (errors.length === 0 && status !== 0) throw new Error(`${compiler} ended with ${status}: ${stdout}`);
  return errors;
}
