// What the linker sees of the files of one instruction set. A weak symbol outside the set's own namespace (an inline
// function of a shared header, an STL template) may be kept for the whole program, and then runs AVX-512 anywhere.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./sources.js";

const folder = join(root, "build/CMakeFiles/agl_engine.dir/native/ops");
const objects = existsSync(folder) ? readdirSync(folder).filter((name) => isaOf(name) !== undefined) : [];
const hasNm = spawnSync("nm", ["--version"]).status === 0;

describe.skipIf(objects.length === 0 || !hasNm)(
  "object files (skipped without a build or without nm)",
  () => {
    it.each(objects)("%s shares no weak symbol with other files", (name) => {
      const { stdout } = spawnSync("nm", ["--demangle", join(folder, name)], { encoding: "utf8" });
      expect(stdout).toContain(`agl::${isaOf(name)}`);
      expect(sharedWeakSymbols(stdout, isaOf(name)!)).toEqual([]);
    });
  },
);

it("the reader of symbols reports a weak symbol outside the set's namespace", () => {
  const symbols = [
    "0000000000000000 W void agl::avx2::runTile<1>(agl::avx2::TileData const&)",
    "0000000000000000 W agl::View::rowStride() const",
    "0000000000000000 V std::vector<float>::table",
    "0000000000000040 T agl::avx2Kernels()",
    "                 w __gmon_start__",
  ];
  expect(sharedWeakSymbols(symbols.join("\n"), "avx2")).toEqual([
    "agl::View::rowStride() const",
    "std::vector<float>::table",
  ]);
});

// --- internal ---

function isaOf(name: string): string | undefined {
  return /\.(avx2|avx512|amx)\.cpp\.o$/.exec(name)?.[1];
}

function sharedWeakSymbols(nmOutput: string, isa: string): string[] {
  const weak = [...nmOutput.matchAll(/^[0-9a-f]+ [WVu] (.*)$/gm)].map((match) => match[1]!);
  const isOwn = new RegExp(`^(?:[\\w:<>*& ]+ )?agl::${isa}::`);
  return weak.filter((symbol) => !isOwn.test(symbol));
}
