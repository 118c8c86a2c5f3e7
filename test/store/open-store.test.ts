import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/open-store.js";

describe("openStore", () => {
  it("opens the backend that the URL names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "agl-open-"));
    const path = join(folder, "store.db");
    for (const [url, name] of [
      ["memory:", "memory"],
      [`sqlite:${path}`, "sqlite"],
    ] as const) {
      const store = await openStore(url);
      expect((await store.statistics()).name).toBe(name);
      await store.close();
    }
    expect(existsSync(path)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it("gives each memory: a store of its own", async () => {
    const [one, two] = [await openStore("memory:"), await openStore("memory:")];
    await one.enqueue([{ input: 1 }]);
    expect((await two.statistics()).rollouts).toBe(0);
  });

  it.each(["", "memory", "sqlite:", "sqlite::memory:", "sqlite:a\u0000b", "redis://localhost", "file.db"])(
    "refuses %j with E_ARGUMENT",
    async (url) => {
      await expect(openStore(url)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    },
  );

  it("refuses options that mean nothing", async () => {
    for (const options of [{ durability: "forever" as "power" }, { cacheBytes: -1 }])
      await expect(openStore("sqlite:unused.db", options)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
