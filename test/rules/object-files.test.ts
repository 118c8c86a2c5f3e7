// What the linker sees of the files of one instruction set. A weak symbol outside the set's own namespace (an inline
// function of a shared header, an STL template) may be kept for the whole program, and then runs AVX-512 anywhere.
// And which registers the files name: wide ones only where a set's own flags allow them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./sources.js";

const engine = join(root, "build/CMakeFiles/agl_engine.dir");
const all = existsSync(engine) ? readdirSync(engine, { recursive: true, encoding: "utf8" }) : [];
const objects = all.filter((name) => name.endsWith(".o"));
const ofOneSet = objects.filter((name) => isaOf(name) !== undefined);
const has = (tool: string) => spawnSync(tool, ["--version"]).status === 0;

describe.skipIf(ofOneSet.length === 0 || !has("nm"))(
  "object files (skipped without a build or without nm)",
  () => {
    it.each(ofOneSet)("%s shares no weak symbol with other files", (name) => {
      const { stdout } = spawnSync("nm", ["--demangle", join(engine, name)], { encoding: "utf8" });
      expect(stdout).toContain(`agl::${isaOf(name)}`);
      expect(sharedWeakSymbols(stdout, isaOf(name)!)).toEqual([]);
    });
  },
);

describe.skipIf(ofOneSet.length === 0 || !has("objdump"))(
  "instructions (skipped without a build or without objdump)",
  () => {
    it.each(objects)("%s names no register that its instruction set has not", (name) => {
      const found = registersOf(instructionsOf(name));
      const isa = isaOf(name) ?? "scalar";
      for (const kind of found) expect(allowed[isa]).toContain(kind);
      if (isa !== "scalar") expect(found).toContain(allowed[isa]!.at(-1));
    });
  },
);

it("the reader of instructions tells ymm, zmm and tiles apart", () => {
  expect(registersOf("  0:\tvaddps %ymm0,%ymm1,%ymm2\n  4:\tmovss %xmm0,(%rax)")).toEqual(["ymm"]);
  expect(registersOf("  0:\ttdpbf16ps %tmm6,%tmm4,%tmm0\n  5:\tvmovups %zmm0,(%rax)")).toEqual([
    "zmm",
    "tmm",
  ]);
});

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

/** Register kinds of each set; the last is what makes it one. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  scalar: [],
  avx2: ["ymm"],
  avx512: ["ymm", "zmm"],
  amx: ["ymm", "zmm", "tmm"],
};

function instructionsOf(name: string): string {
  const { stdout } = spawnSync("objdump", ["--disassemble", "--no-show-raw-insn", join(engine, name)], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return stdout;
}

function registersOf(instructions: string): string[] {
  return ["ymm", "zmm", "tmm"].filter((kind) => instructions.includes(`%${kind}`));
}

function isaOf(name: string): string | undefined {
  return /\.(avx2|avx512|amx)\.cpp\.o$/.exec(name)?.[1];
}

function sharedWeakSymbols(nmOutput: string, isa: string): string[] {
  const weak = [...nmOutput.matchAll(/^[0-9a-f]+ [WVu] (.*)$/gm)].map((match) => match[1]!);
  const isOwn = new RegExp(`^(?:[\\w:<>*& ]+ )?agl::${isa}::`);
  return weak.filter((symbol) => !isOwn.test(symbol));
}
