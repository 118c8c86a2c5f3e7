// What the linker sees of the files of one instruction set. A weak symbol outside the set's own namespace (an inline
// function of a shared header, an STL template) may be kept for the whole program, and then runs AVX-512 anywhere.
// And which registers the files name: wide ones only where a set's own flags allow them. And that no tile of a product keeps its operands
// on the stack, where each multiply-add waits for memory: half the speed, and no other test would notice.
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

describe.skipIf(ofOneSet.length === 0 || !has("objdump"))(
  "tiles (skipped without a build or without objdump)",
  () => {
    // AMX's tiles are registers of their own.
    it.each(ofOneSet.filter((name) => isaOf(name) !== "amx"))(
      "%s multiplies and adds from registers and operands alone",
      (name) => {
        const tiles = tilesOf(instructionsOf(name, ["--demangle"]));
        expect([...tiles.keys()].length).toBeGreaterThan(10);
        expect([...tiles].filter(([, { fromStack }]) => fromStack > 0)).toEqual([]);
      },
    );
  },
);

it("the reader of tiles counts multiply-adds that read the stack, in tiles alone", () => {
  const text = [
    "0000000000000010 <void agl::avx2::runBf16Tile<4, 1, agl::avx2::Bf16Pairs>(agl::avx2::Bf16TileData const&)>:",
    "  10:\tvfmadd231ps 0x308(%rsp),%ymm3,%ymm0",
    "  14:\tvfmadd231ps (%rax),%ymm3,%ymm0",
    "  18:\tvmovaps -0x40(%rbp),%ymm3",
    "",
    "0000000000000020 <agl::avx2::attention()>:",
    "  20:\tvfmadd231ps 0x308(%rsp),%ymm3,%ymm0",
  ];
  expect([...tilesOf(text.join("\n")).values()]).toEqual([{ all: 2, fromStack: 1 }]);
});

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

function instructionsOf(name: string, options: readonly string[] = []): string {
  const args = ["--disassemble", "--no-show-raw-insn", ...options, join(engine, name)];
  return spawnSync("objdump", args, { encoding: "utf8", maxBuffer: 1 << 28 }).stdout;
}

/** Multiply-adds of each instance of a product's register tile, and those with an operand on the stack. */
function tilesOf(instructions: string): Map<string, { all: number; fromStack: number }> {
  const tiles = new Map<string, { all: number; fromStack: number }>();
  for (const body of instructions.split(/\n(?=[0-9a-f]+ <)/)) {
    const name = /^[0-9a-f]+ <(.*\brun(?:Bf16)?Tile<.*)>:$/m.exec(body)?.[1];
    const products = body.match(/\tv?fn?madd.*$/gm) ?? [];
    if (name === undefined || products.length === 0) continue;
    const fromStack = products.filter((line) => /\(%r[sb]p/.test(line)).length;
    tiles.set(name, { all: products.length, fromStack });
  }
  return tiles;
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
