// A server over SQLite that is killed again and again under load: what was acknowledged is there, and calls that may be repeated never fail.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { openHttpStore } from "../../../src/store/http/open-http-store.js";
import { toSpan } from "../../../src/store/laws/law.js";
import { temporaryFile } from "../sqlite/temporary-file.js";

const kKills = process.env.AGL_SLOW_TESTS ? 20 : 3;
const kProgram = fileURLToPath(new URL("serve-process.mjs", import.meta.url));

async function start(file: string, port: number): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [kProgram, `sqlite:${file}`, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!.setEncoding("utf8"), "data")) as [string];
  return { child, url: line.trim() };
}

describe("the HTTP store", () => {
  it(`outlives a server killed ${kKills} times, and finds everything that was acknowledged`, async () => {
    const file = temporaryFile();
    let server = await start(file, 0);
    const port = Number(new URL(server.url).port);
    const client = await openHttpStore(server.url, { timeoutMs: 20_000 });
    const kept = { enqueued: [] as string[], ended: [] as string[] };
    const failed: unknown[] = [];
    let isOver = false;
    /** Of a call that must not be repeated: undefined when its answer was lost. */
    const orLost = async <T>(call: Promise<T>): Promise<T | undefined> => {
      try {
        return await call;
      } catch (error) {
        if (!(error instanceof LightningError) || error.code !== "E_STORE") failed.push(error);
        return undefined;
      }
    };
    const work = async () => {
      while (!isOver) {
        const queued = await orLost(client.enqueue([{ input: 1 }]));
        kept.enqueued.push(...(queued ?? []).map(({ rolloutId }) => rolloutId));
        const [claimed] = (await orLost(client.claim("w"))) ?? [];
        if (claimed === undefined) continue;
        await client.addSpans([toSpan(claimed, 1), toSpan(claimed, 2)]);
        await client.updateAttempt(claimed.rolloutId, claimed.attempt.attemptId, { status: "succeeded" });
        kept.ended.push(claimed.rolloutId);
      }
    };
    const workers = Array.from({ length: 8 }, () => work().catch((error: unknown) => failed.push(error)));
    for (let kill = 0; kill < kKills; kill++) {
      await pause(300);
      const exit = once(server.child, "exit");
      server.child.kill("SIGKILL");
      await exit;
      server = await start(file, port);
    }
    await pause(300);
    isOver = true;
    await Promise.all(workers);
    expect(failed).toEqual([]);
    expect(kept.ended.length).toBeGreaterThan(kKills);
    const found = new Map(
      (await client.queryRollouts()).items.map(({ rolloutId, status }) => [rolloutId, status]),
    );
    expect(kept.enqueued.filter((id) => !found.has(id))).toEqual([]);
    expect(kept.ended.filter((id) => found.get(id) !== "succeeded")).toEqual([]);
    expect(new Set(kept.ended).size).toBe(kept.ended.length);
    const spans = await Promise.all(kept.ended.slice(-50).map((id) => client.querySpans(id)));
    expect(spans.filter(({ total }) => total !== 2)).toEqual([]);
    await client.close();
    server.child.kill();
    await once(server.child, "exit");
  });
});
