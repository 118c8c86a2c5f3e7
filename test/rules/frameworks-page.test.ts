// docs/frameworks.md shows what the scenarios in test/frameworks run, and nothing else.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/frameworks.md"), "utf8");
const folder = join(root, "test/frameworks");

/** The source of each scenario file, and what of it stands between `// docs: NAME` and `// end`. */
const shown = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".mjs") && !path.includes("node_modules"))
  .map((path) => readFileSync(join(folder, path), "utf8"))
  .flatMap((source) => {
    const parts = [...source.matchAll(/^\/\/ docs: (.*)\n([\s\S]*?)^\/\/ end$/gm)];
    return parts.map(([, name = "", part = ""]) => ({ source, name, part: part.trim() }));
  });

/** Blocks of code that import something. */
const blocks = [...page.matchAll(/^```js\n([\s\S]*?)\n```$/gm)]
  .map(([, code = ""]) => code)
  .filter((code) => code.startsWith("import "));

/** Package and names of each import. */
function importsOf(code: string): { readonly from: string; readonly names: readonly string[] }[] {
  return [...code.matchAll(/^import ([^;]*) from "([^"]+)";$/gm)].map(([, what = "", from = ""]) => ({
    from,
    names: what
      .replaceAll(/[{}]/g, ",")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => /^\w+$/.test(name)),
  }));
}

describe("docs/frameworks.md", () => {
  it("shows each piece that the scenarios mark, and no others", () => {
    expect(shown.length).toBeGreaterThan(10);
    const written = blocks.map((code) => code.replace(/^(?:import .*\n)+\n/, ""));
    expect(written.sort()).toEqual(shown.map(({ part }) => part).sort());
  });

  it("imports what the scenario imports, and all that its piece uses", () => {
    for (const code of blocks) {
      const own = shown.find(({ part }) => code.endsWith(part));
      const ran = importsOf(own?.source ?? "");
      for (const { from, names } of importsOf(code)) {
        const known = ran.filter((one) => one.from === from).flatMap((one) => one.names);
        expect(known, `${own?.name}: ${from}`).toEqual(expect.arrayContaining([...names]));
      }
      const imported = importsOf(code).flatMap(({ names }) => names);
      const used = ran
        .flatMap(({ names }) => names)
        .filter((name) => new RegExp(`\\b${name}[(.]`).test(own?.part ?? ""));
      expect(imported, own?.name).toEqual(expect.arrayContaining(used));
    }
  });
});
