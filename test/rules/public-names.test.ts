import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publicNames } from "./public-names.js";
import { root } from "./sources.js";

describe("the public names", () => {
  const text = readFileSync(join(root, "src/index.ts"), "utf8");
  const committed: string[] = JSON.parse(readFileSync(join(root, "test/rules/public-names.json"), "utf8"));

  it("are those of the committed list", () => {
    expect(publicNames(text)).toEqual(committed.toSorted());
  });

  it("exist at run time exactly as far as they are values", async () => {
    const values = committed.filter((name) => !name.startsWith("type "));
    expect(Object.keys(await import("../../src/index.js")).sort()).toEqual(values.sort());
  });

  it("are read from every form of a named export", () => {
    const example =
      'export { a, type B, c as d } from "./x.js";\nexport type { E } from "./y.js";\nexport { f };';
    expect(publicNames(example)).toEqual(["a", "d", "f", "type B", "type E"]);
  });

  it.each(['export * from "./x.js";', "export const a = 1;", "export default a;"])(
    "are not made by %s",
    (line) => {
      expect(() => publicNames(line)).toThrow("expected only export");
    },
  );
});
