import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { warn } from "../../src/base/warning.js";
import { readSources, typescriptFile } from "../rules/sources.js";

describe("warn", () => {
  it("is a process warning of the package's type, with its code, and a detail where there is one", () => {
    const emit = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    warn("AGL_RUN", "nothing is left");
    warn("AGL_LISTENER", "a listener failed", "its stack");
    expect(emit.mock.calls).toEqual([
      ["nothing is left", { type: "AgentLightningWarning", code: "AGL_RUN" }],
      ["a listener failed", { type: "AgentLightningWarning", code: "AGL_LISTENER", detail: "its stack" }],
    ]);
    emit.mockRestore();
  });

  it("is the only way in which the package warns", () => {
    const others = Object.entries(readSources("src", typescriptFile))
      .filter(([path, text]) => text.includes("emitWarning(") && !path.endsWith("base/warning.ts"))
      .map(([path]) => path);
    expect(others).toEqual([]);
  });

  it("gives each code that it declares somewhere", () => {
    const given = Object.entries(readSources("src", typescriptFile)).flatMap(([path, text]) =>
      path.endsWith("base/warning.ts") ? [] : codesIn(text),
    );
    expect(given).toEqual(expect.arrayContaining(codesIn(readFileSync("src/base/warning.ts", "utf8"))));
  });
});

function codesIn(text: string): string[] {
  return [...text.matchAll(/"(AGL_[A-Z_]+)"/g)].map(([, code = ""]) => code);
}
