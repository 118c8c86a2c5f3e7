// Which calls of a rollout count as what, seen from an agent that makes them.
import { describe, expect, it } from "vitest";
import { createCallAccount } from "../../src/runner/call-account.js";
import { type RunReport, runRollout } from "../../src/runner/run-rollout.js";
import type { RouteAction } from "../../src/types/model-call.js";

const post = async (path: string, host = "api.anthropic.com") =>
  (await fetch(`https://${host}${path}`, { method: "POST", body: '{"model": "m"}' })).text();

function run(agent: () => Promise<unknown>, action: RouteAction = "serve"): Promise<RunReport> {
  return runRollout({
    ...{ agent: agent as never, input: null, rolloutId: "ro-1", attemptId: "at-1", mode: "train" },
    ...{ resources: {}, timeoutMs: null, signal: undefined, route: () => action },
    handle: async ({ url }) => new Response("{}", { status: url.includes("refuse") ? 400 : 200 }),
  });
}

describe("the account of a rollout's calls", () => {
  it("counts what was answered and what was refused", async () => {
    const { calls } = await run(async () => {
      await post("/v1/messages");
      await post("/refuse/v1/messages");
      return 1;
    });
    expect(calls).toMatchObject({ answered: 1, refused: 1, unseen: 0, traceUploads: 0 });
  });

  it("takes the counting of a prompt's tokens for no call, answered or refused", async () => {
    const { calls } = await run(async () => {
      await post("/v1/messages/count_tokens");
      await post("/v1beta/models/m:countTokens", "generativelanguage.googleapis.com");
      await post("/refuse/v1/messages/count_tokens");
      return 1;
    });
    expect(calls).toEqual({ answered: 0, refused: 0, unseen: 0, traceUploads: 0, mishaps: [] });
  });

  it("lets the counting of a prompt's tokens pass unnoticed where calls do not go to the policy", async () => {
    for (const action of ["forward", "ignore", "unknown-host"] as const) {
      const { calls, spans } = await run(
        () => post("/v1/messages/count_tokens", "no.invalid").catch(() => 1),
        action,
      );
      expect([calls.unseen, calls.mishaps, spans]).toEqual([0, [], []]);
    }
  });

  it("counts uploads of traces apart: neither calls nor mishaps", async () => {
    const { calls } = await run(() => post("/v1/traces/ingest", "api.openai.com").then(() => 1));
    expect(calls).toEqual({ answered: 0, refused: 0, unseen: 0, traceUploads: 1, mishaps: [] });
  });
});

describe("what became of calls that the policy did not answer", () => {
  const mishapsOf = async (calls: readonly [string, string][], refusals: readonly Response[] = []) => {
    const account = createCallAccount();
    for (const [kind, place] of calls) account.note({ kind, place } as never);
    const request = { url: "https://api.openai.com/v1/chat/completions" } as never;
    for (const response of refusals) await account.counted(async () => response)(request);
    await new Promise((resolve) => setImmediate(resolve));
    return account.report();
  };

  it.each<[string, string[], string]>([
    ["forward", ["a/x"], "1 model call was forwarded (a/x)"],
    ["forward", ["a/x", "b/x"], "2 model calls were forwarded (a/x; b/x)"],
    ["ignore", ["a/x"], "1 model call passed unseen, as its route says (a/x)"],
    ["ignore", ["a/x", "a/x"], "2 model calls passed unseen, as their route says (a/x)"],
    ["unseen", ["undici"], "1 model call could not be seen (undici)"],
    [
      "unknown-host",
      ["h:1/v1/x", "h:1/v1/y"],
      '2 model calls went to hosts that are not routed (h:1/v1/x; h:1/v1/y); routes: { hosts: ["h:1"] } lets the policy answer',
    ],
  ])("is told with its count and its places: %s %j", async (kind, places, said) => {
    const { mishaps } = await mishapsOf(places.map((place) => [kind, place]));
    expect(mishaps).toEqual([said]);
  });

  it("names the first three places, counts all, and knows no mishap of a call that is served", async () => {
    const report = await mishapsOf(["a", "b", "c", "d"].map((place) => ["forward", place]));
    expect(report.mishaps).toEqual(["4 model calls were forwarded (a; b; c)"]);
    expect((await mishapsOf([["serve", "a"]])).mishaps).toEqual([]);
    const unseen = await mishapsOf([
      ["unseen", "a"],
      ["unknown-host", "b"],
      ["trace-upload", "c"],
    ]);
    expect([unseen.unseen, unseen.traceUploads]).toEqual([2, 1]);
  });

  it("tells the message of a refusal, else its text, cut to a length", async () => {
    const error = { error: { message: "too long" } };
    const { mishaps } = await mishapsOf(
      [],
      [
        Response.json(error, { status: 400 }),
        new Response("plain", { status: 500 }),
        Response.json({ error: { message: 1 } }, { status: 404 }),
      ],
    );
    expect(mishaps).toEqual([
      '3 model calls were refused (400 too long; 500 plain; 404 {"error":{"message":1}})',
    ]);
    const long = await mishapsOf([], [new Response("x".repeat(400), { status: 400 })]);
    expect(long.mishaps).toEqual([`1 model call was refused (400 ${"x".repeat(296)})`]);
    const asText = await mishapsOf([], [Response.json({ error: "no such field" }, { status: 400 })]);
    expect(asText.mishaps).toEqual(["1 model call was refused (400 no such field)"]);
    const empty = await mishapsOf([], [new Response("null", { status: 400 })]);
    expect(empty.mishaps).toEqual(["1 model call was refused (400 null)"]);
  });

  it("tells the status of a refusal that cannot be read", async () => {
    const broken = new ReadableStream({ start: (control) => control.error(new Error("cut")) });
    const { mishaps, refused } = await mishapsOf([], [new Response(broken, { status: 502 })]);
    expect([mishaps, refused]).toEqual([["1 model call was refused (HTTP 502)"], 1]);
  });
});
