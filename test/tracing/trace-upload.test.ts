import { afterEach, describe, expect, it } from "vitest";
import { unrouted } from "../../src/tracing/context.js";
import type { Dispatcher } from "../../src/tracing/dispatcher.js";
import { installInterception } from "../../src/tracing/interception.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import type { CallNote } from "../../src/types/model-call.js";
import { testScope } from "./test-scope.js";

const kUpload = "https://api.openai.com/v1/traces/ingest";
const kBody = JSON.stringify({ data: [{ object: "trace.span", span_data: { input: "a secret prompt" } }] });
const kSlots = [1, 2].map((n) => Symbol.for(`undici.globalDispatcher.${n}`));
const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined>;

// What leaves the process, at the dispatcher that was there before the interception.
new Headers();
const before = kSlots.map((key) => globals[key]);
function catchLeaving(): string[] {
  const left: string[] = [];
  const wall: Dispatcher = {
    dispatch: ({ origin, path }, handler) => {
      left.push(`${String(origin)}${path}`);
      const error = new Error("nothing leaves");
      handler.onConnect?.(() => undefined, {});
      handler.onError?.(error);
      return true;
    },
  };
  for (const [n, key] of kSlots.entries()) if (before[n] !== undefined) globals[key] = wall;
  return left;
}
afterEach(() => {
  for (const [n, key] of kSlots.entries()) if (before[n] !== undefined) globals[key] = before[n];
});

const upload = (url = kUpload, method = "POST") =>
  fetch(url, { method, ...(method === "POST" ? { body: kBody } : {}) }).then(
    ({ status }) => status,
    () => "left",
  );

describe("a framework's upload of its traces to its maker", () => {
  it("is answered as a success inside a rollout and told to it, and neither leaves nor reaches the handler", async () => {
    const left = catchLeaving();
    const notes: CallNote[] = [];
    const scope = testScope({ note: (call) => void notes.push(call), route: () => "unknown-host" });
    expect(await runInRollout(scope, () => upload())).toBe(204);
    expect(left).toEqual([]);
    expect([scope.requests, scope.spans]).toEqual([[], []]);
    expect(notes).toEqual([
      { kind: "trace-upload", place: "api.openai.com/v1/traces/ingest", by: "context" },
    ]);
  });

  it("is answered after the rollout's end too, where a timer of the framework sends it", async () => {
    const left = catchLeaving();
    let later: () => Promise<unknown> = async () => undefined;
    let go: () => void = () => undefined;
    await runInRollout(testScope(), async () => {
      const wait = new Promise<void>((resolve) => (go = resolve));
      const sent = wait.then(() => upload());
      later = () => sent;
    });
    const release = installInterception();
    go();
    expect(await later()).toBe(204);
    expect(left).toEqual([]);
    release();
  });

  it("passes outside of rollouts and inside unrouted, as do other requests to that host", async () => {
    const left = catchLeaving();
    const release = installInterception();
    const outside = await upload();
    const inside = await runInRollout(testScope(), async () => [
      await unrouted(() => upload()),
      await upload("https://api.openai.com/v1/traces"),
      await upload(kUpload, "GET"),
      await upload("https://traces.example/v1/traces/ingest"),
    ]);
    release();
    expect([outside, ...inside]).toEqual(Array.from({ length: 5 }, () => "left"));
    expect(left).toHaveLength(5);
  });
});
