import { describe, expect, it } from "vitest";
import { bindBody, createStreamedResponse } from "../../src/tracing/streamed-response.js";

function open() {
  const seen: string[] = [];
  const streamed = createStreamedResponse({ "content-type": "text/plain" }, () => void seen.push("cancel"));
  const rollout = new AbortController();
  bindBody(streamed.response, {
    signal: rollout.signal,
    stop: () => void seen.push("stop"),
    release: () => void seen.push("release"),
    toFailure: (message, error) => new TypeError(message, { cause: error }),
  });
  const reader = streamed.response.body?.getReader();
  const read = async () => {
    const piece = await reader?.read();
    return piece?.done ? "end" : new TextDecoder().decode(piece?.value);
  };
  return { ...streamed, seen, rollout, reader, read };
}

describe("a response whose body is written while it is read", () => {
  it("gives each piece at once to whoever waits for it, and as one what was written meanwhile", async () => {
    const { write, end, read, seen } = open();
    const first = read();
    await new Promise(setImmediate); // A stream asks for nothing before it has begun.
    write("a");
    write("é");
    expect(await first).toBe("a");
    write("c");
    expect(await read()).toBe("éc");
    const last = read();
    expect(seen).toEqual([]);
    end();
    expect(await last).toBe("end");
    expect(seen).toEqual(["release"]);
    write("nobody reads it");
  });

  it("is read to its end also when it ended before anybody read", async () => {
    const { write, end, read, seen } = open();
    write("a");
    end();
    expect([await read(), seen.length, await read()]).toEqual(["a", 0, "end"]);
    expect(seen).toEqual(["release"]);
  });

  it("fails as its call fails, pieces that nobody read included, and tells whoever writes", async () => {
    const { write, read, rollout, seen } = open();
    write("a");
    rollout.abort(new RangeError("over"));
    await expect(read()).rejects.toMatchObject({ message: "terminated", cause: { message: "over" } });
    expect(seen).toEqual(["cancel"]);
    write("b");
  });

  it("stops its call when its reader goes away", async () => {
    const { reader, seen, write } = open();
    write("a");
    await reader?.cancel();
    expect(seen).toEqual(["cancel", "release", "stop"]);
  });

  it("is no other response", () => {
    const life = { signal: new AbortController().signal, toFailure: () => undefined };
    const nothing = () => undefined;
    expect(bindBody(new Response("a"), { ...life, stop: nothing, release: nothing })).toBe(false);
  });
});
