import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { checkContents, neededFiles } from "../../scripts/package-contents.mjs";

const files = (more: readonly string[] = [], without = "") =>
  [...neededFiles, ...more].filter((path) => path !== without).map((path) => ({ path, size: 1000 }));
const packed = { size: 1e6, unpackedSize: 5e6, files: files() };

describe("checkContents", () => {
  it("takes what runs, within its bounds", () => {
    expect(checkContents(packed)).toEqual([]);
  });

  it.each([
    "dist/index.js.map",
    "dist/index.d.ts.map",
    "src/index.ts",
    "scripts/test.mjs",
    "test/rules/imports.test.ts",
    "prebuilds/linux-x64/libagentlightning_cuda.so",
    "prebuilds/linux-x64/other.node",
    "prebuilds/cuda-linux-x64/package.json",
    "native/notes.txt",
    ".npmrc",
  ])("takes no %s", (path) => {
    expect(checkContents({ ...packed, files: files([path]) })).toEqual([`${path} is of no kind that runs`]);
  });

  it.each([
    "dist/index.d.ts",
    "docs/agents.md",
    "examples/quickstart/starting-policy.js",
    "scripts/native-build.mjs",
  ])("misses %s", (path) => {
    expect(checkContents({ ...packed, files: files([], path) })).toEqual([`${path} is missing`]);
  });

  it("bounds the tarball, what it unpacks to, and the addon", () => {
    const addon = packed.files.map((file) => (file.path.endsWith(".node") ? { ...file, size: 2.1e6 } : file));
    expect(checkContents({ size: 2.1e6, unpackedSize: 6.1e6, files: addon })).toEqual([
      "the tarball takes 2.1 MB, more than 2",
      "the package takes 6.1 MB, more than 6",
      "the prebuilt addon takes 2.1 MB, more than 2",
    ]);
  });
});
