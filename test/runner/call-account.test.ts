// Which calls of a rollout count as what, seen from an agent that makes them.
import { describe, expect, it } from "vitest";
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
