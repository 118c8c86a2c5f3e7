import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { placeIn } from "../../scripts/progress.mjs";
import { root } from "../rules/sources.js";

describe("placeIn", () => {
  it.each([
    ["[12/140] Building CXX object a.cpp.o", "12 of 140"],
    ["[  7%] Building CXX object a.cpp.o", "7 %"],
    ["[100%] Built target a", "100 %"],
    ["[0/2] Re-checking globbed directories...", "0 of 2"],
    ["-- Configuring done", undefined],
    ["a.cpp:12: error: [12/3]", undefined],
    ["", undefined],
  ])("reads %j as %j", (line, place) => {
    expect(placeIn(line)).toBe(place);
  });
});

describe("runWithProgress", () => {
  const run = (code: string) => {
    const module = JSON.stringify(join(root, "scripts/progress.mjs"));
    const script = `const { runWithProgress } = await import(${module}); await runWithProgress("a thing", process.execPath, ["-e", ${JSON.stringify(code)}]); console.log("went on");`;
    return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  };

  it("says nothing of a build that has nothing to do", () => {
    expect(run('console.log("[0/1] nothing")')).toMatchObject({ status: 0, stdout: "went on\n", stderr: "" });
  });

  it("prints all that a failed build said, and ends with its status", () => {
    const { status, stdout, stderr } = run(
      'console.log("[3/9] Building"); console.error("no such header"); process.exitCode = 7',
    );
    expect([status, stdout]).toEqual([7, ""]);
    expect(stderr).toContain("[3/9] Building\nno such header\n");
    expect(stderr).toMatch(/^build: .* failed$/m);
  });

  it("says how far a long build is every ten seconds where nobody watches a terminal", () => {
    const { stderr } = run(
      'console.log("[3/9] Building"); setTimeout(() => console.log("[9/9] Linking"), 10_500)',
    );
    expect(stderr).toMatch(/^build: a thing, 3 of 9, \d+ s\nbuild: a thing, 9 of 9, \d+ s\n$/);
  });
});
