import { describe, expect, it } from "vitest";
import { createStates } from "../../src/policy/states.js";

interface Job {
  readonly name: string;
  readonly end: (error?: unknown) => void;
  readonly result: Promise<string>;
  readonly stop: AbortSignal | undefined;
}

/** A queue whose jobs end when the test says so, with a log of what began and ended. */
function laboratory({ canHold = false } = {}) {
  const log: string[] = [];
  const hold = (held: boolean): void => void log.push(held ? "hold" : "go on");
  const states = createStates("the thing", canHold ? hold : undefined);
  const start = (kind: "share" | "alone" | "last", name: string, signal?: AbortSignal): Job => {
    let end: (error?: unknown) => void = () => undefined;
    let stop: AbortSignal | undefined;
    const gate = new Promise<void>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve() : reject(error));
    });
    const work = async (given: AbortSignal) => {
      stop = given;
      log.push(`+${name}`);
      try {
        await gate;
      } finally {
        log.push(`-${name}`);
      }
      return name;
    };
    const result = kind === "share" ? states.share(name, work, signal) : states[kind](name, work);
    result.catch(() => undefined);
    return {
      name,
      end: (error) => end(error),
      result,
      get stop() {
        return stop;
      },
    };
  };
  return { states, log, start };
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("createStates", () => {
  it("holds shared work where it can, lets lone work run meanwhile and what is last wait for all", async () => {
    const { log, start } = laboratory({ canHold: true });
    const a = start("share", "a");
    const [b, c] = [start("alone", "b"), start("alone", "c")];
    const d = start("share", "d");
    const last = start("last", "last");
    const e = start("share", "e");
    await settle();
    expect(log).toEqual(["+a", "hold", "+b"]);
    b.end();
    await settle();
    expect(log.splice(0)).toEqual(["+a", "hold", "+b", "-b", "go on", "hold", "+c"]);
    c.end();
    await settle();
    expect(log.splice(0)).toEqual(["-c", "go on", "+d"]);
    a.end();
    d.end();
    await settle();
    expect(log.splice(0)).toEqual(["-a", "-d", "+last"]);
    last.end();
    await settle();
    expect(log.splice(0)).toEqual(["-last", "+e"]);
    e.end();
  });

  it("runs shared work together and lone work by itself", async () => {
    const { log, start } = laboratory();
    const [a, b, c] = [start("share", "a"), start("share", "b"), start("alone", "c")];
    await settle();
    expect(log).toEqual(["+a", "+b"]);
    a.end();
    await settle();
    expect(log).toEqual(["+a", "+b", "-a"]);
    b.end();
    await settle();
    expect(log).toEqual(["+a", "+b", "-a", "-b", "+c"]);
    c.end();
    expect(await Promise.all([a.result, b.result, c.result])).toEqual(["a", "b", "c"]);
  });

  it("keeps later shared work behind waiting lone work, and lone work first in, first out", async () => {
    const { log, start } = laboratory();
    const jobs = [
      start("share", "s1"),
      start("alone", "e1"),
      start("share", "s2"),
      start("alone", "e2"),
      start("share", "s3"),
      start("share", "s4"),
    ];
    for (const job of jobs) {
      await settle();
      job.end();
    }
    await settle();
    expect(log.filter((line) => line.startsWith("+"))).toEqual(["+s1", "+e1", "+s2", "+e2", "+s3", "+s4"]);
    expect(log.indexOf("+e1")).toBeGreaterThan(log.indexOf("-s1"));
    expect(log.indexOf("+s2")).toBeGreaterThan(log.indexOf("-e1"));
    expect(log.indexOf("+e2")).toBeGreaterThan(log.indexOf("-s2"));
    expect(log.indexOf("+s4")).toBeLessThan(log.indexOf("-s3"));
  });

  it("passes on what the work throws and goes on with the next", async () => {
    const { states, start } = laboratory();
    const a = start("alone", "a");
    a.end(new Error("no"));
    await expect(a.result).rejects.toThrow("no");
    await expect(
      states.alone("b", () => {
        throw new Error("at once");
      }),
    ).rejects.toThrow("at once");
    expect(await states.share("c", () => Promise.resolve(3))).toBe(3);
  });

  it("rejects an aborted call with the signal's reason before it runs, and lets the next through", async () => {
    const { log, start, states } = laboratory();
    const reason = new Error("enough");
    await expect(states.share("x", () => Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
    const a = start("alone", "a");
    const controller = new AbortController();
    const b = start("share", "b", controller.signal);
    const c = start("share", "c");
    controller.abort(reason);
    await expect(b.result).rejects.toBe(reason);
    a.end();
    c.end();
    await c.result;
    expect(log).toEqual(["+a", "-a", "+c", "-c"]);
  });

  it("rejects an aborted call at once while it runs, but keeps its place until the work has ended", async () => {
    const { log, start } = laboratory();
    const controller = new AbortController();
    const a = start("share", "a", controller.signal);
    const b = start("alone", "b");
    await settle();
    controller.abort("enough");
    await expect(a.result).rejects.toBe("enough");
    expect(a.stop?.aborted).toBe(true);
    expect(a.stop?.reason).toBe("enough");
    await settle();
    expect(log).toEqual(["+a"]);
    a.end();
    b.end();
    await b.result;
    expect(log).toEqual(["+a", "-a", "+b", "-b"]);
  });

  it("leaves no listener on the caller's signal", async () => {
    const { states } = laboratory();
    const controller = new AbortController();
    let added = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      added += 1;
      addEventListener.apply(controller.signal, args);
    };
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      added -= 1;
      removeEventListener.apply(controller.signal, args);
    };
    await states.share("a", () => Promise.resolve(), controller.signal);
    await settle();
    expect(added).toBe(0);
  });

  it("rejects what waits, what runs and what comes later with E_CLOSED once closed, and waits for the end of what ran", async () => {
    const { log, start, states } = laboratory();
    const [a, b, c] = [start("share", "a"), start("alone", "b"), start("share", "c")];
    await settle();
    let closed = false;
    const closing = states.close().then(() => {
      closed = true;
    });
    for (const job of [a, b, c]) await expect(job.result).rejects.toMatchObject({ code: "E_CLOSED" });
    expect(a.stop?.reason).toMatchObject({ code: "E_CLOSED" });
    await expect(start("share", "d").result).rejects.toMatchObject({ code: "E_CLOSED" });
    await expect(start("alone", "e").result).rejects.toMatchObject({ code: "E_CLOSED" });
    expect(() => states.checkOpen("f")).toThrow(/^f: expected the thing to be open, it was closed$/);
    await settle();
    expect(closed).toBe(false);
    a.end();
    await closing;
    expect(log).toEqual(["+a", "-a"]);
    await states.close();
  });
});
