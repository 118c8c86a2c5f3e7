// Timers and clocks are those of src/base/clock.ts: what a user's tests put in place of the globals stops nothing here.
import { describe, expect, it } from "vitest";
import { readSources, typescriptFile } from "./sources.js";

const names = [
  ...["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"],
  "performance",
];

/** What a file takes from the globals, or from Node's own modules. */
function loose(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
  const imported = new Set(
    [...code.matchAll(/import \{([^}]*)\} from "[./]*\/(?:base\/)?clock\.js"/g)].flatMap(([, list = ""]) =>
      list.split(",").map((name) => name.trim()),
    ),
  );
  const used = names.filter((name) => new RegExp(`(?<![\\w.#])${name}[(.]`).test(code));
  return [
    ...used.filter((name) => !imported.has(name)),
    ...(/(?<!\w)Date\.now/.test(code) ? ["Date"] : []),
    ...[...code.matchAll(/from "node:(timers[\w/]*|perf_hooks)"/g)].map(([, module = ""]) => module),
  ];
}

describe("timers and clocks", () => {
  it("are taken from one file", () => {
    const sources = Object.entries(readSources("src", typescriptFile));
    const found = sources
      .filter(([path]) => path !== "src/base/clock.ts")
      .map(([path, text]) => [path, loose(text)] as const)
      .filter(([, what]) => what.length > 0);
    expect(found).toEqual([]);
  });

  it.each([
    ["const timer = setTimeout(end, 5);", ["setTimeout"]],
    ["const at = performance.now();", ["performance"]],
    ["const at = Date.now() / 1000;", ["Date"]],
    [
      'import { setTimeout } from "../base/clock.js";\nsetTimeout(end); clearTimeout(timer);',
      ["clearTimeout"],
    ],
    ['import { setTimeout as pause } from "node:timers/promises";', ["timers/promises"]],
    ['import { setTimeout } from "../../base/clock.js";\nsetTimeout(end); // Date.now()', []],
    ["new Date(at).toISOString(); store.setTimeout(5);", []],
  ])("are seen in %j", (text, what) => {
    expect(loose(text)).toEqual(what);
  });
});
