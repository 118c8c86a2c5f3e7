import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unrouted } from "../../src/tracing/context.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { completion, testScope } from "./test-scope.js";

// A host is reported once a process: each test has a server, and so a host, of its own.
let server: Server;
let port: number;
const warnings: NodeJS.ErrnoException[] = [];
const listen = (warning: Error) => void warnings.push(warning);

beforeEach(async () => {
  server = createServer((_request, response) => void response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  warnings.length = 0;
  process.on("warning", listen);
});
afterEach(() => {
  process.off("warning", listen);
  server.closeAllConnections();
  server.close();
});

const post = (path: string, method = "POST") =>
  new Promise<void>((resolve, reject) => {
    const call = request({ port, host: "127.0.0.1", path, method, agent: false }, (response) => {
      response.resume().on("end", resolve);
    });
    call.on("error", reject);
    call.end("{}");
  });

// Warnings are emitted on the next tick.
const reported = async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return warnings.filter(({ code }) => code === "AGL_UNSEEN_CALL");
};

describe("a model call through node:http inside a rollout", () => {
  it("is reported once, with host and remedy but no query", async () => {
    await runInRollout(testScope(), async () => {
      await post("/v1/chat/completions?key=secret");
      await post("/v1/chat/completions");
    });
    await runInRollout(testScope(), () => post("/v1/chat/completions"));
    const [warning, ...others] = await reported();
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ name: "AgentLightningWarning", code: "AGL_UNSEEN_CALL" });
    expect(warning?.message).toContain(`127.0.0.1:${port}/v1/chat/completions through node:http`);
    expect(warning?.message).not.toContain("secret");
    expect(warning?.message).toContain("agl.unrouted");
  });

  it("is not reported outside a rollout, inside unrouted, or on other hosts and paths", async () => {
    await runInRollout(testScope(), async () => {
      await unrouted(() => post("/v1/chat/completions"));
      await post("/v1/embeddings");
      await post("/v1/chat/completions", "PUT");
    });
    await runInRollout(testScope({ route: () => "ignore" }), () => post("/v1/chat/completions"));
    await post("/v1/chat/completions");
    expect(await reported()).toEqual([]);
  });
});

describe("a model call through fetch inside a rollout", () => {
  const text = async (changes: object = {}) => {
    const init = { method: "POST", body: "{}", ...changes };
    return (await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, init)).text();
  };

  it("is not reported, whether served, forwarded or unrouted", async () => {
    await runInRollout(testScope({ handle: async () => completion("x") }), () => text());
    await runInRollout(testScope({ route: () => "forward" }), () => text());
    await runInRollout(testScope(), () => unrouted(text));
    expect(await reported()).toEqual([]);
  });

  it("is reported when it has a dispatcher of its own, which no wrapper sees", async () => {
    const key = Symbol.for("undici.globalDispatcher.1");
    new Headers();
    const original = (globalThis as unknown as Record<symbol, unknown>)[key];
    const scope = testScope();
    await runInRollout(scope, () => text({ dispatcher: original }));
    expect(scope.requests).toEqual([]);
    expect((await reported()).map(({ message }) => message)).toEqual([
      expect.stringContaining(`127.0.0.1:${port}/v1/chat/completions through a dispatcher of its own`),
    ]);
  });
});
