import { spawnSync } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { serve } from "../../src/server/store-api/serve.js";
import { claimNew, toSpan } from "../../src/store/laws/law.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openStore } from "../../src/store/open-store.js";
import { exportLines } from "../../src/store/transfer.js";
import { agl, main, temporaryFolder } from "./agl.js";

describe("agl store prune", () => {
  it("forgets what ended, within its limits, and nothing without one", async () => {
    using folder = temporaryFolder();
    const url = `sqlite:${folder.path}/store.db`;
    const store = await openStore(url);
    for (let i = 0; i < 5; i++) await store.cancel((await store.startRollout({ input: i })).rolloutId);
    await store.close();
    const prune = async (...args: string[]) => {
      const command = agl(["store", "prune", "--store", url, ...args]);
      return [await command.done, command.output.err];
    };
    expect(await prune()).toEqual([2, expect.stringContaining("--older-than or --keep")]);
    expect(await prune("--older-than", "12")).toEqual([2, expect.stringContaining("with its unit")]);
    expect(await prune("--older-than", "1d")).toEqual([0, expect.stringContaining("forgot 0 rollouts")]);
    expect(await prune("--keep", "3")).toEqual([0, expect.stringContaining("forgot 2 rollouts")]);
    await using left = await openStore(url);
    expect((await left.queryRollouts()).items.map(({ input }) => input)).toEqual([2, 3, 4]);
  });
});

describe("agl store export and import", () => {
  it("move a served store into a file and refuse to do so twice", async () => {
    using folder = temporaryFolder();
    const store = createMemoryStore();
    const server = await serve({ store, port: 0, key: "secret" });
    const claimed = await claimNew(store, {}, "worker");
    for (let i = 1; i <= 1200; i++) await store.addSpans([toSpan(claimed, i)]);
    await store.enqueue([{ input: "next" }]);
    const exported = agl(["store", "export", "--store", server.url, "--key", "secret"]);
    expect([await exported.done, exported.output.err]).toEqual([0, ""]);
    await server.close();
    const file = folder.write("store.jsonl", exported.output.out);
    const url = `sqlite:${folder.path}/store.db`;
    const imported = agl(["store", "import", "--store", url, file]);
    expect(await imported.done).toBe(0);
    expect(imported.output.err).toContain(
      "imported 2 rollouts, 1200 spans, 0 versions of resources, 1 workers",
    );
    await using copy = await openStore(url);
    expect((await copy.querySpans(claimed.rolloutId)).items).toEqual(
      (await store.querySpans(claimed.rolloutId)).items,
    );
    expect((await copy.claim("worker"))[0]?.input).toBe("next");
    const again = agl(["store", "import", "--store", url, file]);
    expect([await again.done, again.output.err]).toEqual([
      1,
      expect.stringContaining("is known to this store"),
    ]);
  });

  it("make no empty export of a file that is not there, and no file", async () => {
    using folder = temporaryFolder();
    const path = `${folder.path}/mistyped.db`;
    const command = agl(["store", "export", "--store", `sqlite:${path}`]);
    expect([await command.done, command.output.out]).toEqual([2, ""]);
    expect(existsSync(path)).toBe(false);
  });

  it("say where an import was cut short, why, and what was kept until then, and end with 1", async () => {
    using folder = temporaryFolder();
    const store = createMemoryStore();
    for (let i = 0; i < 50; i++) await store.enqueue([{ input: "x".repeat(20_000) }]);
    const lines: string[] = [];
    for await (const line of exportLines(store)) lines.push(line);
    const file = folder.write("store.jsonl", lines.join("\n"));
    // A limit on the size of files is the disk's end for SQLite.
    const limited = (path: string) => ["-c", 'ulimit -f 1000; exec "$0" "$@"', process.execPath, path];
    const args = ["store", "import", "--store", `sqlite:${folder.path}/store.db`, file];
    const { status, stderr } = spawnSync("bash", [...limited(main), ...args], { encoding: "utf8" });
    const said = /line (\d+): .*full.*; kept until then: (\d+) rollouts, 0 spans/.exec(stderr);
    expect([status, said !== null]).toEqual([1, true]);
    const [line, kept] = [Number(said?.[1]), Number(said?.[2])];
    expect([kept > 0, kept < 50, line]).toEqual([true, true, kept + 2]);
    await using copy = await openStore(`sqlite:${folder.path}/store.db`);
    expect((await copy.queryRollouts()).total).toBe(kept);
    const short = folder.write("short.jsonl", lines.slice(0, 20).join("\r\n"));
    const cut = agl(["store", "import", "--store", `sqlite:${folder.path}/other.db`, short]);
    expect([await cut.done, cut.output.err]).toEqual([
      2,
      expect.stringContaining("line 20: expected the file to go on"),
    ]);
  });

  it("read a file that may not be written, and say nothing but what they write", async () => {
    using folder = temporaryFolder();
    const url = `sqlite:${folder.path}/store.db`;
    await using store = await openStore(url);
    await store.enqueue([{ input: 1 }]);
    await store.close();
    const exported = agl(["store", "export", "--store", url]);
    expect([await exported.done, exported.output.err]).toEqual([0, ""]);
    chmodSync(`${folder.path}/store.db`, 0o444);
    chmodSync(folder.path, 0o555);
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const args = [main, "store", "export", "--store", url];
    const again = spawnSync(process.execPath, args, { ...nobody, encoding: "utf8" });
    chmodSync(folder.path, 0o755);
    const body = (text: string) => text.split("\n").slice(1);
    expect([again.status, again.stderr, body(again.stdout)]).toEqual([0, "", body(exported.output.out)]);
  });

  it("say what is wrong with a file", async () => {
    using folder = temporaryFolder();
    for (const path of [folder.write("foreign", "{}\n"), `${folder.path}/missing`, folder.path]) {
      const command = agl(["store", "import", "--store", `sqlite:${folder.path}/store.db`, path]);
      expect([await command.done, command.output.err]).toEqual([
        2,
        expect.stringContaining("store import: "),
      ]);
    }
  });
});
