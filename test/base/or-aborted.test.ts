import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { orAborted } from "../../src/base/or-aborted.js";

const never = new Promise<never>(() => undefined);

describe("orAborted", () => {
  it("gives what the work gives, and its error, and leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(3), signal)).toBe(3);
    await expect(orAborted(Promise.reject(new Error("broke")), signal)).rejects.toThrow("broke");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("rejects with the signal's reason while the work hangs", async () => {
    const abort = new AbortController();
    const waiting = orAborted(never, abort.signal);
    abort.abort("enough");
    await expect(waiting).rejects.toBe("enough");
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  });

  it("rejects at once where the signal has aborted, also before work that is done", async () => {
    await expect(orAborted(Promise.resolve(3), AbortSignal.abort("before"))).rejects.toBe("before");
  });

  it("takes the error of work that fails after the abort: nobody else waits for it", async () => {
    const stray: unknown[] = [];
    const onStray = (error: unknown) => stray.push(error);
    process.on("unhandledRejection", onStray);
    let fail = (_error: Error): void => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    await expect(orAborted(work, AbortSignal.abort("before"))).rejects.toBe("before");
    fail(new Error("late"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off("unhandledRejection", onStray);
    expect(stray).toEqual([]);
  });
});
