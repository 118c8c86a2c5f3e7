// What one change of an attempt brings with it, in a table that notes what it is told.
import { describe, expect, it } from "vitest";
import { toAttempt, toRollout, toWorker } from "../../src/store/new-records.js";
import {
  attemptOf,
  claimEntries,
  claimEntry,
  deadlineOfEntry,
  type EntryTable,
  endOverdue,
  type RolloutEntry,
  setAttempt,
  startAttempt,
} from "../../src/store/rollout-entry.js";
import type { Attempt, Rollout, Worker } from "../../src/types/rollout.js";

function start(
  rollout: Partial<Rollout> = {},
  attempts: Partial<Attempt>[] = [],
  worker: Partial<Worker> | null = null,
) {
  const told: string[] = [];
  const workers = new Map<string, Worker>();
  if (worker !== null) workers.set("w", { ...toWorker("w"), ...worker });
  const table: EntryTable<RolloutEntry> = {
    preparingSeconds: 50,
    setRollout: (entry, next) => {
      entry.rollout = next;
      told.push(next.status);
    },
    touch: () => told.push("touch"),
    announce: () => told.push("announce"),
    findWorker: (id) => workers.get(id) ?? null,
    changeWorker: (id, change) => {
      told.push(`worker ${id}`);
      workers.set(id, change(workers.get(id) ?? toWorker(id)));
    },
  };
  const whole = toRollout("who", { input: 1 }, null, 100);
  const entry: RolloutEntry = {
    rollout: { ...whole, rolloutId: "ro-1", ...rollout },
    attempts: attempts.map((more, i) => ({
      ...{ ...toAttempt("ro-1", i + 1, "w", 100), attemptId: `at-${i + 1}` },
      ...more,
    })),
  };
  return { table, entry, told, workers };
}

describe("an attempt that begins", () => {
  it("is the rollout's next, which prepares and has no end, and makes its worker busy", () => {
    const { table, entry, told, workers } = start({ status: "requeuing", endTime: 5 }, [{}]);
    const { attempt, status, endTime } = startAttempt(table, entry, "w", 200);
    expect([attempt.sequenceId, attempt.startTime, status, endTime]).toEqual([2, 200, "preparing", null]);
    expect([entry.attempts.at(-1), told]).toEqual([attempt, ["worker w", "preparing"]]);
    expect(workers.get("w")).toMatchObject({ status: "busy", currentAttemptId: attempt.attemptId });
    const ended = start({ status: "failed" });
    expect(() => startAttempt(ended.table, ended.entry, null, 200)).toThrow("rollout ro-1 is failed");
  });

  it("by a claim notes that the worker asked, and asks for none where none is named", () => {
    const { table, entry, workers } = start({ status: "queuing" });
    expect(claimEntries(table, [entry], "w", 200)).toHaveLength(1);
    expect(workers.get("w")).toMatchObject({ status: "busy", lastDequeueTime: 200 });
    expect(claimEntries(table, [], "v", 200)).toEqual([]);
    expect(workers.get("v")).toMatchObject({ status: "idle", lastDequeueTime: 200 });
    const unnamed = start({ status: "queuing" });
    claimEntries(unnamed.table, [unnamed.entry], null, 200);
    expect(unnamed.told).toEqual(["preparing"]);
  });

  it("by a claim of one rollout is refused unless that is queued", () => {
    const { table, entry, workers } = start({ status: "queuing" });
    claimEntry(table, entry, "w", 200);
    expect(workers.get("w")?.lastDequeueTime).toBe(200);
    expect(() => claimEntry(table, entry, "w", 200)).toThrow(
      "expected rollout ro-1 to be queued, it is preparing",
    );
  });
});

describe("an attempt that changes", () => {
  const change = (more: Partial<Attempt>) => {
    const given = start({ status: "running" }, [{ status: "running" }]);
    const before = attemptOf("who", given.entry, "at-1");
    setAttempt(given.table, given.entry, { ...before, ...more }, 200);
    return given;
  };

  it("is told where it is news, and its worker where that is another or its status is", () => {
    expect(change({ lastHeartbeatTime: 150 }).told).toEqual(["touch"]);
    expect(change({ metadata: {} }).told).toEqual(["touch", "announce"]);
    expect(change({ endTime: 150 }).told).toEqual(["touch", "announce"]);
    expect(change({ workerId: "v" }).told).toEqual(["worker v", "touch", "announce"]);
    expect(change({ workerId: null }).told).toEqual(["touch", "announce"]);
    expect(change({ status: "succeeded" }).told).toEqual(["worker w", "succeeded"]);
  });

  it("moves the rollout if it is its latest", () => {
    const { table, entry, told } = start({ status: "running" }, [
      { status: "running" },
      { status: "running" },
    ]);
    setAttempt(table, entry, { ...attemptOf("who", entry, "at-1"), status: "failed" }, 200);
    expect([entry.rollout.status, told]).toEqual(["running", ["worker w", "touch", "announce"]]);
    setAttempt(table, entry, { ...attemptOf("who", entry, "latest"), status: "failed" }, 200);
    expect([entry.rollout.status, entry.attempts.map(({ status }) => status)]).toEqual([
      "failed",
      ["failed", "failed"],
    ]);
  });

  it("is found by its id or as the latest", () => {
    const { entry } = start({}, [{}, {}]);
    expect([attemptOf("who", entry, "at-1"), attemptOf("who", entry, "latest")]).toEqual(entry.attempts);
    expect(() => attemptOf("who", entry, "at-3")).toThrow("at-3");
    expect(() => attemptOf("who", start().entry, "latest")).toThrow("attempt of ro-1");
  });
});

describe("the watchdog's look", () => {
  it("ends each attempt whose time is up, and touches the entry either way", () => {
    const config = { ...start().entry.rollout.config, timeoutSeconds: 10 };
    const { table, entry, told } = start({ status: "running", config }, [
      { status: "running" },
      { status: "running", startTime: 195 },
    ]);
    endOverdue(table, entry, 200);
    expect(entry.attempts.map(({ status }) => status)).toEqual(["timeout", "running"]);
    expect(told.at(-1)).toBe("touch");
    expect(deadlineOfEntry(entry, 50)).toBe(205);
    expect(deadlineOfEntry(start().entry, 50)).toBe(Number.POSITIVE_INFINITY);
  });

  it("queues again what nobody had, unless its worker speaks for it", () => {
    const lost = start({ status: "preparing" }, [{}]);
    endOverdue(lost.table, lost.entry, 151);
    expect([lost.entry.rollout.status, lost.entry.attempts[0]?.status]).toEqual([
      "requeuing",
      "unresponsive",
    ]);
    const known = start({ status: "preparing" }, [{}], { lastHeartbeatTime: 120 });
    endOverdue(known.table, known.entry, 151);
    expect(known.entry.attempts[0]).toMatchObject({ status: "preparing", lastHeartbeatTime: 120 });
    const silent = start({ status: "preparing" }, [{}], { lastHeartbeatTime: 120 });
    endOverdue(silent.table, silent.entry, 171);
    expect(silent.entry.rollout.status).toBe("requeuing");
    const unnamed = start({ status: "preparing" }, [{ workerId: null }], { lastHeartbeatTime: 120 });
    endOverdue(unnamed.table, unnamed.entry, 151);
    expect(unnamed.entry.rollout.status).toBe("requeuing");
  });

  it("brings what is from the future to now", () => {
    const { table, entry } = start({ status: "running" }, [{ status: "running", startTime: 300 }]);
    endOverdue(table, entry, 200);
    expect(entry.attempts[0]?.startTime).toBe(200);
  });
});
