import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../rules/sources.js";

// The package as it lies where no addon was built and none fits.
const folder = mkdtempSync(join(tmpdir(), "agl-no-addon-"));
const entry = pathToFileURL(join(folder, "dist", "index.js")).href;
beforeAll(() => {
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(code: string) {
  const script = `import * as agl from ${JSON.stringify(entry)}; try { ${code} } catch (error) { console.log(error.code + " " + error.message); }`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).stdout;
}

const model = JSON.stringify(join(root, "test/fixtures/models/qwen2"));

describe("without an addon", () => {
  it.each([
    ["loadPolicy", `await agl.loadPolicy(${model})`],
    ["devices", "agl.devices()"],
    ["advantages.group", "agl.advantages.group([0, 1], new Int32Array(2))"],
    ["advantages.whiten", "agl.advantages.whiten(new Float32Array([0, 1]), new Float32Array([1, 1]))"],
    ["advantages.discounted", "agl.advantages.discounted([0, 1], { offsets: [0, 2], gamma: 1 })"],
  ])("%s names the one command that builds it", (_, code) => {
    expect(run(code)).toMatch(
      /^E_NATIVE agentlightning: expected a native addon for \w+-\w+, found none that loads \(.+\); run `npx agl build` \(needs cmake, a C\+\+20 compiler, and ninja or make\)\n$/,
    );
  });

  it("what needs none works", () => {
    expect(
      run(`const store = agl.createMemoryStore(); console.log((await store.enqueue([{ input: 1 }])).length)`),
    ).toBe("1\n");
  });

  it("an addon that does not load says why", () => {
    const release = join(folder, "build", "Release");
    mkdirSync(release, { recursive: true });
    writeFileSync(join(release, "agentlightning.node"), "no addon");
    expect(run("agl.devices()")).toMatch(
      /^E_NATIVE .*found none that loads \(.*(file too short|invalid ELF header).*\); run/,
    );
    rmSync(release, { recursive: true });
  });
});

describe("the CUDA library", () => {
  const release = join(folder, "build", "Release");
  const cuda = (code: string) => run(`console.log(agl.devices().at(-1).unavailable); ${code}`).trim();
  beforeAll(() => {
    mkdirSync(release, { recursive: true });
    cpSync(join(root, "build/Release/agentlightning.node"), join(release, "agentlightning.node"));
  });

  it("that is nowhere is named with its package and the command that builds it", () => {
    expect(cuda("")).toBe(
      "no CUDA library: npm install @agentlightning/cuda-linux-x64, or npx agl build where nvcc is",
    );
  });

  it("is taken from its package, and from beside the addon before that", () => {
    const installed = join(folder, "dist", "node_modules", "@agentlightning", "cuda-linux-x64");
    const name = "libagentlightning_cuda.so";
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, "package.json"), JSON.stringify({ main: name }));
    writeFileSync(join(installed, name), "");
    expect(cuda("")).toBe(`${join(installed, name)}: file too short`);
    writeFileSync(join(release, name), "");
    expect(cuda("")).toBe(`${join(release, name)}: file too short`);
  });
});
