// An attempt in a process of its own, as the runner sees it: the process is a stand-in, and the clock is the test's.
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { isFromChild } from "../../src/runner/isolated-messages.js";
import { createIsolatedRun } from "../../src/runner/run-isolated.js";
import { settle } from "../support/manual-clock.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));
const fork = vi.hoisted(() => vi.fn());
vi.mock("node:child_process", () => ({ fork }));

class Child extends EventEmitter {
  pid: number | undefined = 4242;
  connected = true;
  readonly sent: { readonly kind: string }[] = [];

  send(message: { kind: string }): void {
    this.sent.push(message);
  }

  leave(code: number | null, signal: string | null = null): void {
    this.connected = false;
    this.emit("exit", code, signal);
    this.emit("close");
  }
}

const kill = vi.fn();
beforeEach(() => {
  kill.mockReset();
  vi.spyOn(process, "kill").mockImplementation(kill);
});
afterEach(() => void vi.restoreAllMocks());
/** Which signals the child's group got. */
const signals = () =>
  kill.mock.calls.map(([pid, signal]) => (pid === -4242 ? signal : `${signal} to ${pid}`));
const returned = { ended: "returned", error: null, droppedSpans: 0 } as const;

function start(timeoutMs: number | null = null, signal = new AbortController().signal) {
  const child = new Child();
  fork.mockReturnValueOnce(child);
  const spans: unknown[] = [];
  const job = {
    input: 1,
    rolloutId: "ro-1",
    attemptId: "at-1",
    mode: "train",
    resources: {},
    timeoutMs,
  } as const;
  const hooks = { signal, onSpan: (span: unknown) => void spans.push(span) };
  const attempt = createIsolatedRun({ agentPath: "agent.mjs", graceMs: 100 })(job, hooks);
  const kinds = () => child.sent.map(({ kind }) => kind);
  return { child, spans, job, attempt, kinds };
}

it("the process is given its job, tells spans and its end, and has a grace after it", async () => {
  const { child, spans, job, attempt } = start();
  expect(child.sent).toEqual([{ kind: "run", agentPath: "agent.mjs", job, graceMs: 100 }]);
  child.emit("message", { kind: "span", span: { name: "a" } });
  child.emit("message", "of the agent");
  child.emit("message", { kind: "alive" });
  await settle();
  expect(clock.delays()).toEqual([]);
  child.emit("message", { kind: "end", end: returned });
  expect(await attempt.end).toEqual(returned);
  expect([spans, clock.delays(), signals()]).toEqual([[{ name: "a" }], [100, 200], []]);
  await clock.advance(100);
  expect(signals()).toEqual(["SIGTERM"]);
  await clock.advance(100);
  expect(signals()).toEqual(["SIGTERM", "SIGKILL"]);
  child.leave(null, "SIGKILL");
  await attempt.released;
});

it("a process that leaves takes its group with it, and its timers", async () => {
  const { child, attempt } = start();
  child.emit("message", { kind: "end", end: returned });
  child.leave(0);
  await attempt.released;
  expect([signals(), clock.delays()]).toEqual([["SIGKILL"], []]);
});

it.each<[number | null, string | null, string]>([
  [7, null, "exit code 7"],
  [null, "SIGSEGV", "SIGSEGV"],
])("a process that ends by itself with %s %s has thrown", async (code, signal, how) => {
  const { child, attempt } = start();
  child.leave(code, signal);
  const error = `the agent's process ended with ${how} before the agent did`;
  expect(await attempt.end).toEqual({ ended: "threw", error, droppedSpans: 0 });
});

it("a process that cannot be started has thrown, and is not killed", async () => {
  const { child, attempt } = start();
  child.pid = undefined;
  child.emit("error", new Error("no such program"));
  expect((await attempt.end).error).toContain("ended with no such program before");
  expect(signals()).toEqual([]);
  const other = start();
  other.child.emit("error", new Error("a message was lost"));
  other.child.leave(3);
  expect((await other.attempt.end).error).toContain("exit code 3");
});

it("a cancelled process is told so, terminated, killed, and ends as cancelled", async () => {
  const cancelled = new AbortController();
  const { child, kinds, attempt } = start(null, cancelled.signal);
  expect(kinds()).toEqual(["run"]);
  cancelled.abort(new Error("enough"));
  expect(child.sent[1]).toEqual({ kind: "abort", reason: "enough" });
  await clock.advance(200);
  child.leave(null, "SIGKILL");
  expect(await attempt.end).toEqual({ ended: "cancelled", error: "enough", droppedSpans: 0 });
  expect(signals()).toEqual(["SIGTERM", "SIGKILL", "SIGKILL"]);
  const late = start(null, cancelled.signal);
  expect(late.kinds()).toEqual(["run", "abort"]);
  late.child.leave(0);
  await late.attempt.released;
});

it("a process that is gone hears of no cancellation", async () => {
  const cancelled = new AbortController();
  const { child, kinds, attempt } = start(null, cancelled.signal);
  child.leave(0);
  await attempt.released;
  cancelled.abort("late");
  expect([kinds(), clock.delays()]).toEqual([["run"], []]);
});

it("a deadline is the process's own, and ours when it lets the grace pass, up to a second", async () => {
  const { child, kinds, attempt } = start(1000);
  await clock.advance(1099);
  expect(kinds()).toEqual(["run"]);
  await clock.advance(1);
  expect(kinds()).toEqual(["run", "abort"]);
  child.leave(null, "SIGTERM");
  const error = "rollout ro-1: expected the agent to finish within 1000 ms";
  expect(await attempt.end).toEqual({ ended: "timeout", error, droppedSpans: 0 });
  const far = start(2 ** 31);
  expect(clock.delays()).toEqual([]);
  far.child.leave(0);
  await far.attempt.released;
});

it("what ended the process first is what is told", async () => {
  const cancelled = new AbortController();
  const { child, attempt } = start(1000, cancelled.signal);
  await clock.advance(1100);
  cancelled.abort("later");
  child.leave(null, "SIGKILL");
  expect((await attempt.end).ended).toBe("timeout");
});

it("an agent is alive while its process was heard within ten seconds", async () => {
  const { child, attempt } = start();
  clock.block(9999);
  expect(attempt.isAlive()).toBe(true);
  clock.block(1);
  expect(attempt.isAlive()).toBe(false);
  child.emit("message", { kind: "of the agent" });
  expect(attempt.isAlive()).toBe(false);
  child.emit("message", { kind: "alive" });
  expect(attempt.isAlive()).toBe(true);
  child.leave(0);
  await attempt.released;
});

it("a group that is gone already is no error, and any other failure to kill it is", async () => {
  const { child, attempt } = start();
  const failWith = (code: string) =>
    kill.mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
  for (const code of ["ESRCH", "EPERM"]) {
    failWith(code);
    expect(() => child.emit("exit", 0, null)).not.toThrow();
    child.once("exit", () => undefined);
  }
  child.emit("close");
  await attempt.released;
  const other = start();
  failWith("EINVAL");
  expect(() => other.child.emit("exit", 0, null)).toThrow("EINVAL");
});

it("messages of the process are told from those of the agent by their shape", () => {
  const ours = [
    { kind: "alive" },
    { kind: "span", span: {} },
    { kind: "end", end: { ended: "timeout" } },
    { kind: "end", end: { ended: "returned" } },
  ];
  expect(ours.map(isFromChild)).toEqual([true, true, true, true]);
  const theirs = [
    ...[null, undefined, "alive", 1, {}, { kind: "other", span: {} }, { kind: "span" }],
    ...[{ kind: "span", span: null }, { kind: "end" }, { kind: "end", end: null }],
    ...[
      { kind: "end", end: { ended: "soon" } },
      { kind: "end", span: {} },
    ],
  ];
  expect(theirs.filter(isFromChild)).toEqual([]);
});
