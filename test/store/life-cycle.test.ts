// How rollouts, attempts and workers may change, one rule at a time: pure functions, so that no store hides what they say.
import { describe, expect, it } from "vitest";
import {
  afterClaim,
  changeAttempt,
  changeRollout,
  deadlineOf,
  fromNowAtLatest,
  hearFrom,
  hearFromWorker,
  isActive,
  isEnded,
  isQueued,
  moveAttempt,
  moveRollout,
  overdue,
  propagate,
  syncWorker,
} from "../../src/store/life-cycle.js";
import { toAttempt, toRollout, toWorker } from "../../src/store/new-records.js";
import type {
  Attempt,
  AttemptStatus,
  Rollout,
  RolloutConfig,
  RolloutStatus,
} from "../../src/types/rollout.js";

const attemptStatuses = ["preparing", "running", "unresponsive", "succeeded", "failed", "timeout"] as const;
const rolloutStatuses = [
  ...(["queuing", "preparing", "running", "requeuing", "succeeded", "failed", "cancelled"] as const),
];
const attemptOf = (status: AttemptStatus, more: Partial<Attempt> = {}): Attempt => ({
  ...{ ...toAttempt("ro-1", 1, "w", 100), attemptId: "at-1", status },
  ...more,
});
const rolloutOf = (status: RolloutStatus, config: Partial<RolloutConfig> = {}): Rollout => ({
  ...toRollout("who", { input: 1, config }, null, 100),
  status,
});
const limits = (more: Partial<RolloutConfig> = {}) => rolloutOf("running", more).config;
const workerOf = (more: object = {}) => ({ ...toWorker("w"), ...more });

describe("a status", () => {
  it("is of those that have ended, are queued, or are active", () => {
    expect(rolloutStatuses.filter(isEnded)).toEqual(["succeeded", "failed", "cancelled"]);
    expect(rolloutStatuses.filter(isQueued)).toEqual(["queuing", "requeuing"]);
    expect(attemptStatuses.filter(isActive)).toEqual(["preparing", "running"]);
  });
});

describe("a move", () => {
  it("stamps the end of an attempt that succeeds or fails, and of no other", () => {
    const ends = attemptStatuses
      .slice(1)
      .map((status) => [status, moveAttempt(attemptOf("preparing"), status, 200).endTime]);
    expect(Object.fromEntries(ends)).toEqual({
      ...{ running: null, unresponsive: null, timeout: null, succeeded: 200, failed: 200 },
    });
    expect(moveAttempt(attemptOf("unresponsive", { endTime: 150 }), "running", 200).endTime).toBe(150);
  });

  it("to the status that there is changes nothing, of an ended one too", () => {
    for (const attempt of attemptStatuses.map((status) => attemptOf(status)))
      expect(moveAttempt(attempt, attempt.status, 200)).toBe(attempt);
    for (const rollout of rolloutStatuses.map((status) => rolloutOf(status)))
      expect(moveRollout(rollout, rollout.status, 200)).toBe(rollout);
  });

  it("stamps the end of a rollout, and clears it when it is queued again", () => {
    expect(moveRollout(rolloutOf("running"), "failed", 200).endTime).toBe(200);
    expect(moveRollout({ ...rolloutOf("failed"), endTime: 200 }, "requeuing", 300).endTime).toBe(null);
  });

  it("that may not be is refused with those that may", () => {
    expect(() => moveAttempt(attemptOf("succeeded"), "running", 1)).toThrow(
      "attempt at-1 is succeeded: expected no other status after it, got running",
    );
    expect(() => moveRollout(rolloutOf("failed"), "running", 1)).toThrow(
      "expected queuing, requeuing after it",
    );
  });
});

describe("a change", () => {
  it("of a rollout is of the fields that are present", () => {
    const changed = changeRollout(
      rolloutOf("running"),
      { input: 2, mode: undefined, status: "failed" } as never,
      200,
    );
    expect(changed).toMatchObject({ input: 2, mode: null, status: "failed", endTime: 200 });
    expect(changeRollout(rolloutOf("running"), { metadata: { a: 1 } }, 200)).toMatchObject({
      ...{ metadata: { a: 1 }, status: "running", endTime: null },
    });
  });

  it("of an attempt that stays preparing is a sign of life, and of no other without a heartbeat", () => {
    const heard = (status: AttemptStatus, changes: object) =>
      changeAttempt(attemptOf(status), changes, 200).lastHeartbeatTime;
    expect(heard("preparing", { metadata: {} })).toBe(200);
    expect(heard("preparing", { status: "running", metadata: {} })).toBe(null);
    expect(heard("preparing", {})).toBe(null);
    expect(heard("preparing", { metadata: undefined })).toBe(null);
    expect(heard("running", { metadata: {} })).toBe(null);
    expect(heard("preparing", { lastHeartbeatTime: 150 })).toBe(150);
  });

  it("by a heartbeat wakes an attempt that was unresponsive, and is never of the future", () => {
    const woken = changeAttempt(attemptOf("unresponsive"), { lastHeartbeatTime: 900 }, 200);
    expect([woken.status, woken.lastHeartbeatTime]).toEqual(["running", 200]);
    expect(changeAttempt(attemptOf("unresponsive"), { metadata: {} }, 200).status).toBe("unresponsive");
    expect(changeAttempt(attemptOf("timeout"), { lastHeartbeatTime: 150 }, 200).status).toBe("timeout");
    expect(changeAttempt(attemptOf("running"), { lastHeartbeatTime: 150 }, 200).lastHeartbeatTime).toBe(150);
    expect(() => changeAttempt(attemptOf("running"), { lastHeartbeatTime: Number.NaN }, 200)).toThrow(
      "lastHeartbeatTime",
    );
  });
});

describe("a sign of life", () => {
  it("lets run what prepared or was unresponsive, and leaves ended what has ended", () => {
    expect(attemptStatuses.map((status) => hearFrom(attemptOf(status), 200).status)).toEqual([
      ...["running", "running", "running", "succeeded", "failed", "timeout"],
    ]);
    expect(hearFrom(attemptOf("failed"), 200).lastHeartbeatTime).toBe(200);
  });

  it("of the worker is that of an attempt that it knows of, when it is news and not of the future", () => {
    const heard = (attempt: Partial<Attempt>, worker: object | null) =>
      hearFromWorker(attemptOf("preparing", attempt), worker && workerOf(worker), 200).lastHeartbeatTime;
    expect(heard({}, { lastHeartbeatTime: 150 })).toBe(150);
    expect(heard({}, { lastHeartbeatTime: 150, lastDequeueTime: 100 })).toBe(150);
    expect(heard({}, { lastHeartbeatTime: 150, lastDequeueTime: 101 })).toBe(null);
    expect(heard({ lastHeartbeatTime: 120 }, { lastHeartbeatTime: 150, lastDequeueTime: 101 })).toBe(150);
    expect(heard({}, { lastHeartbeatTime: 100 })).toBe(null);
    expect(heard({ lastHeartbeatTime: 160 }, { lastHeartbeatTime: 150 })).toBe(160);
    expect(heard({}, { lastHeartbeatTime: 200 })).toBe(200);
    expect(heard({}, { lastHeartbeatTime: 201 })).toBe(null);
    expect([heard({}, null), heard({}, {})]).toEqual([null, null]);
  });

  it("from the future is from now, of what is active", () => {
    const times = (attempt: Attempt) => {
      const { startTime, lastHeartbeatTime } = fromNowAtLatest(attempt, 200);
      return [startTime, lastHeartbeatTime];
    };
    expect(times(attemptOf("running", { startTime: 300 }))).toEqual([200, null]);
    expect(times(attemptOf("running", { lastHeartbeatTime: 300 }))).toEqual([100, 200]);
    expect(times(attemptOf("running", { startTime: 300, lastHeartbeatTime: 150 }))).toEqual([200, 150]);
    expect(times(attemptOf("failed", { startTime: 300, lastHeartbeatTime: 300 }))).toEqual([300, 300]);
    const past = attemptOf("running", { startTime: 200, lastHeartbeatTime: 200 });
    expect(fromNowAtLatest(past, 200)).toBe(past);
  });
});

describe("a rollout after its attempt changed", () => {
  const statusAfter = (rollout: Rollout, before: AttemptStatus, attempt: Attempt, cause?: "told" | "lost") =>
    propagate(rollout, before, attempt, 200, cause).status;

  it("follows it, and is queued again where its configuration retries and attempts are left", () => {
    const retries = { maxAttempts: 2, retryCondition: ["failed"] } as const;
    expect(statusAfter(rolloutOf("preparing"), "preparing", attemptOf("running"))).toBe("running");
    expect(statusAfter(rolloutOf("running"), "running", attemptOf("succeeded"))).toBe("succeeded");
    expect(statusAfter(rolloutOf("running"), "running", attemptOf("timeout"))).toBe("failed");
    expect(statusAfter(rolloutOf("running", retries), "running", attemptOf("failed"))).toBe("requeuing");
    expect(statusAfter(rolloutOf("running", retries), "running", attemptOf("timeout"))).toBe("failed");
    expect(
      statusAfter(rolloutOf("running", retries), "running", attemptOf("failed", { sequenceId: 2 })),
    ).toBe("failed");
    const same = rolloutOf("queuing");
    expect(propagate(same, "running", attemptOf("running"), 200)).toBe(same);
    expect(propagate(rolloutOf("running"), "running", attemptOf("failed"), 200).endTime).toBe(200);
  });

  it("stays ended, but for one that failed by silence and speaks again", () => {
    for (const status of ["succeeded", "cancelled"] as const)
      expect(statusAfter(rolloutOf(status), "unresponsive", attemptOf("running"))).toBe(status);
    expect(statusAfter(rolloutOf("failed"), "unresponsive", attemptOf("running"))).toBe("running");
    expect(statusAfter(rolloutOf("failed"), "unresponsive", attemptOf("succeeded"))).toBe("succeeded");
    expect(statusAfter(rolloutOf("failed"), "running", attemptOf("succeeded"))).toBe("failed");
    expect(propagate(rolloutOf("failed"), "unresponsive", attemptOf("timeout"), 200).endTime).toBe(null);
  });

  it("is queued once more when nobody ever had its first attempt, and not twice", () => {
    const lost = attemptOf("unresponsive");
    expect(statusAfter(rolloutOf("preparing"), "preparing", lost, "lost")).toBe("requeuing");
    expect(statusAfter(rolloutOf("preparing"), "preparing", lost)).toBe("failed");
    expect(statusAfter(rolloutOf("preparing"), "preparing", { ...lost, sequenceId: 2 }, "lost")).toBe(
      "failed",
    );
    expect(statusAfter(rolloutOf("queuing"), "preparing", lost, "lost")).toBe("queuing");
    expect(statusAfter(rolloutOf("requeuing"), "preparing", { ...lost, sequenceId: 2 }, "lost")).toBe(
      "requeuing",
    );
  });
});

describe("the watchdog's word on an attempt", () => {
  const said = (attempt: Attempt, config: Partial<RolloutConfig>, now: number) =>
    overdue(attempt, limits(config), 50, now);

  it("is that it is too late, after its time and not at it, before it is silent", () => {
    const late = { timeoutSeconds: 10, unresponsiveSeconds: 5 };
    expect(said(attemptOf("running"), { timeoutSeconds: 10 }, 110)).toBe(null);
    expect(said(attemptOf("running"), { timeoutSeconds: 10 }, 110.1)).toBe("timeout");
    expect(said(attemptOf("running"), late, 111)).toBe("timeout");
    expect(said(attemptOf("running"), late, 106)).toBe("unresponsive");
    expect(said(attemptOf("running"), late, 105)).toBe(null);
    expect(said(attemptOf("running", { lastHeartbeatTime: 103 }), late, 106)).toBe(null);
  });

  it("is that it is lost where it prepares in silence without a limit of its rollout", () => {
    expect(said(attemptOf("preparing"), {}, 150)).toBe(null);
    expect(said(attemptOf("preparing"), {}, 151)).toBe("lost");
    expect(said(attemptOf("running"), {}, 1e9)).toBe(null);
    expect(said(attemptOf("preparing"), { unresponsiveSeconds: 60 }, 151)).toBe(null);
    expect(said(attemptOf("preparing"), { unresponsiveSeconds: 60 }, 161)).toBe("unresponsive");
    for (const status of ["unresponsive", "succeeded", "failed", "timeout"] as const)
      expect(said(attemptOf(status), { timeoutSeconds: 1 }, 1e9)).toBe(null);
  });

  it("comes at its deadline, the earlier of two", () => {
    const due = (attempt: Attempt, config: Partial<RolloutConfig>) => deadlineOf(attempt, limits(config), 50);
    expect(due(attemptOf("running"), { timeoutSeconds: 10, unresponsiveSeconds: 5 })).toBe(105);
    expect(
      due(attemptOf("running", { lastHeartbeatTime: 108 }), { timeoutSeconds: 10, unresponsiveSeconds: 5 }),
    ).toBe(110);
    expect(due(attemptOf("preparing"), {})).toBe(150);
    expect(due(attemptOf("running"), {})).toBe(Number.POSITIVE_INFINITY);
    expect(due(attemptOf("failed"), { timeoutSeconds: 10 })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a worker", () => {
  const busy = workerOf({ status: "busy", currentRolloutId: "ro-1", currentAttemptId: "at-1" });

  it("is busy with what is active, and idle or unknown after that one alone", () => {
    expect(syncWorker(workerOf(), attemptOf("preparing"), 200)).toEqual({ ...busy, lastBusyTime: 200 });
    expect(syncWorker(busy, attemptOf("failed"), 200)).toEqual({
      ...{ ...busy, status: "idle", lastIdleTime: 200, currentRolloutId: null, currentAttemptId: null },
    });
    for (const status of ["timeout", "unresponsive"] as const)
      expect(syncWorker(busy, attemptOf(status), 200)).toEqual({ ...busy, status: "unknown" });
    expect(syncWorker(busy, attemptOf("failed", { attemptId: "at-2" }), 200)).toBe(busy);
  });

  it("that asked and got nothing is idle, unless it has something to do", () => {
    expect(afterClaim(workerOf(), 0, 200)).toMatchObject({
      status: "idle",
      lastIdleTime: 200,
      lastDequeueTime: 200,
    });
    expect(afterClaim(workerOf(), 1, 200)).toMatchObject({
      status: "unknown",
      lastIdleTime: null,
      lastDequeueTime: 200,
    });
    expect(afterClaim(busy, 0, 200)).toEqual({ ...busy, lastDequeueTime: 200 });
  });
});
