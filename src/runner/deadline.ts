// The deadline of one rollout, by a clock that no one sets. A timer cannot fire while the agent blocks the loop, so whoever is about to
// believe the agent asks first.
import { clearTimeout, performance, setTimeout } from "../base/clock.js";
import { kLongestTimerMs } from "../store/waiters.js";

export interface Deadline {
  /** Whether it has passed; tells `onPast` if nobody did. */
  isPast(): boolean;
  close(): void;
}

/** @param timeoutMs  from now; null is none. @param onPast  called once, unless it was closed before */
export function startDeadline(timeoutMs: number | null, onPast: () => void): Deadline {
  const due = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
  let state: "open" | "past" | "closed" = "open";
  let timer: NodeJS.Timeout | undefined;
  const pass = () => {
    if (state !== "open") return;
    state = "past";
    clearTimeout(timer);
    onPast();
  };
  const arm = () => {
    const leftMs = due - performance.now();
    // A timer may be a millisecond early.
    if (leftMs <= 1) pass();
    else timer = setTimeout(arm, Math.min(leftMs, kLongestTimerMs));
  };
  if (timeoutMs !== null) timer = setTimeout(arm, Math.min(timeoutMs, kLongestTimerMs));
  return {
    isPast: () => {
      if (state === "open" && performance.now() > due) pass();
      return state === "past";
    },
    close: () => {
      if (state === "open") state = "closed";
      clearTimeout(timer);
    },
  };
}
