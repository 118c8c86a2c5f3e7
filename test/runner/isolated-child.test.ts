// The process of one attempt, run within the test's own: what it hears and says goes by way of stand-ins.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

const beats = vi.hoisted(() => [] as [() => void, number][]);
vi.mock("../../src/base/clock.js", async (original) => ({
  ...(await original<object>()),
  setInterval: (fn: () => void, ms: number) => void beats.push([fn, ms]),
}));

type Hear = (message?: object) => void;
const listeners = new Map<unknown, Hear>();
const exit = vi.fn();
const sent: { readonly kind: string; readonly end?: { readonly error: string | null } }[] = [];
const ownSend = process.send;
let folder = "";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "agl-child-"));
  sent.length = 0;
  beats.length = 0;
  exit.mockReset();
  vi.spyOn(process, "exit").mockImplementation(exit as never);
  process.send = (message: never, ...more: unknown[]) => {
    sent.push(message);
    const told = more.at(-1);
    if (typeof told === "function") told();
    return true;
  };
  const on = vi.spyOn(process, "on").mockImplementation((name: unknown, listener: unknown) => {
    listeners.set(name, listener as Hear);
    return process;
  });
  vi.resetModules();
  await import("../../src/runner/isolated-child.js");
  on.mockRestore();
});
afterEach(() => {
  vi.restoreAllMocks();
  if (ownSend === undefined) delete process.send;
  else process.send = ownSend;
  rmSync(folder, { recursive: true });
});

function tell(agent: string): void {
  const agentPath = join(folder, "agent.mjs");
  writeFileSync(agentPath, agent);
  const ids = { rolloutId: "ro-1", attemptId: "at-1", mode: "train", resources: {} };
  const job = { ...ids, input: 1, timeoutMs: null };
  listeners.get("message")?.({ kind: "run", agentPath, job, graceMs: 50 });
}

it("the child runs its agent, tells its spans, its signs of life and its end, and leaves", async () => {
  tell("export const agent = (task) => task / 2;");
  await vi.waitFor(() => expect(exit).toHaveBeenCalledWith(0));
  expect(sent.map(({ kind }) => kind)).toEqual(["span", "end"]);
  expect(sent[1]?.end).toEqual({ ended: "returned", error: null, droppedSpans: 0 });
  expect(beats.map(([, ms]) => ms)).toEqual([500]);
  beats[0]?.[0]();
  expect(sent[2]).toEqual({ kind: "alive" });
});

it("a child whose agent cannot be loaded tells why, and leaves", async () => {
  tell("export const agent = 1;");
  await vi.waitFor(() => expect(exit).toHaveBeenCalledWith(0));
  expect(sent).toEqual([
    {
      kind: "end",
      end: { ended: "threw", error: expect.stringContaining("to export a function"), droppedSpans: 0 },
    },
  ]);
});

it("a child shows its errors to the redaction of its module", async () => {
  tell("export const agent = () => { throw new Error('secret'); }; export const redact = () => null;");
  await vi.waitFor(() => expect(exit).toHaveBeenCalledWith(0));
  expect(sent.at(-1)?.end).toMatchObject({ ended: "threw", error: "(kept out by redact)" });
});

it("a child that is told to stop aborts its agent with the reason", async () => {
  tell(
    "export const agent = (_, { signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)));",
  );
  listeners.get("message")?.({ kind: "abort", reason: "enough" });
  await vi.waitFor(() => expect(exit).toHaveBeenCalledWith(0));
  expect(sent.at(-1)?.end).toMatchObject({ ended: "cancelled", error: "AbortError: enough" });
});

it("a child whose runner is gone leaves as failed", () => {
  listeners.get("disconnect")?.();
  expect(exit).toHaveBeenCalledWith(1);
});
