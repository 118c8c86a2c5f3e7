// On Bun fetch is the runtime's own, with no dispatcher to wrap. Skipped unless AGL_TEST_BUN names Bun's program.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const bun = process.env.AGL_TEST_BUN;

describe.skipIf(bun === undefined)("on Bun (skipped unless AGL_TEST_BUN is set)", () => {
  it("model calls of the global fetch are answered, named, streamed and refused, and unrouted ones pass", async () => {
    const server = createServer((_request, response) => void response.end("real"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const program = fileURLToPath(new URL("./bun-agent.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(bun ?? "", [program, origin]);
    server.closeAllConnections();
    server.close();
    expect(JSON.parse(stdout)).toEqual({
      ...{ answers: ["plain", "request", "named"], streamed: ['"content":"a"', '"content":"b"'] },
      ...{ unknown: 400, real: "real", isPast: true, isRestored: true },
    });
  });
});
