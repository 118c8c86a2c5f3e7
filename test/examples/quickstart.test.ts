import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../examples/quickstart/main.js", import.meta.url));
const cwd = mkdtempSync(join(tmpdir(), "agl-quickstart-"));
afterAll(() => rmSync(cwd, { recursive: true }));

describe("the quickstart", () => {
  it.each([
    [["--seed", "abc"]],
    [["--seed=1.5"]],
    [["--seed", "-1"]],
    [["--seed"]],
    [["--steps", "0"]],
    [["--steps", "1.5"]],
    [["--sead", "2"]],
    [["2"]],
  ])("ends with its usage on %j and writes nothing", (words) => {
    const { status, stderr } = spawnSync(process.execPath, [program, ...words], {
      cwd,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(status).toBe(2);
    expect(stderr).toContain("usage: npm run quickstart [-- --seed N --steps N]");
    expect(existsSync(join(cwd, ".agl"))).toBe(false);
  });
});
