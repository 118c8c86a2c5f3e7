import { describe, expect, it } from "vitest";
import type { DispatchController, DispatchHandler } from "../../src/tracing/dispatcher.js";
import { createResponseSink } from "../../src/tracing/response-sink.js";

type Generation = (events: unknown[]) => {
  handler: DispatchHandler;
  abort: (reason: Error) => void;
  resume: () => void;
};

// A client of each generation that writes down what it is told and asks to wait after a piece "wait".
const legacy: Generation = (events) => {
  const grip = { abort: (_: Error): void => undefined, resume: (): void => undefined };
  const handler: DispatchHandler = {
    onConnect: (abort) => {
      grip.abort = abort;
      events.push("start");
    },
    onHeaders: (status, headers, resume, statusText) => {
      grip.resume = resume;
      const pairs = headers.map(String);
      events.push(["head", status, statusText, pairs]);
      return true;
    },
    onData: (chunk) => {
      events.push(String(chunk));
      return String(chunk) !== "wait";
    },
    onComplete: () => events.push("end"),
    onError: (error) => events.push(error),
  };
  return { handler, abort: (reason) => grip.abort(reason), resume: () => grip.resume() };
};

const withController: Generation = (events) => {
  let grip: DispatchController | undefined;
  const handler: DispatchHandler = {
    onRequestStart: (controller) => {
      grip = controller;
      events.push("start");
    },
    onResponseStart: (controller, status, headers, statusText) => {
      const pairs = controller.rawHeaders.map(String);
      expect(
        Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((v) => [name, v])),
      ).toEqual(pairs);
      events.push(["head", status, statusText, pairs]);
    },
    onResponseData: (controller, chunk) => {
      events.push(String(chunk));
      if (String(chunk) === "wait") controller.pause();
      expect(controller.paused).toBe(String(chunk) === "wait");
    },
    onResponseEnd: () => events.push("end"),
    onResponseError: (_controller, error) => events.push(error),
    // What undici's wrappers of the newer generation have besides must stay untouched.
    onConnect: () => events.push("wrong generation"),
  };
  const abort = (reason: Error) => {
    expect([grip!.aborted, grip!.reason]).toEqual([false, null]);
    grip!.abort(reason);
    expect([grip!.aborted, grip!.reason]).toEqual([true, reason]);
  };
  return { handler, abort, resume: () => grip!.resume() };
};

describe.each([
  ["older generation", legacy],
  ["newer generation", withController],
])("a response for a handler of the %s", (_name, generation) => {
  const play = () => {
    const events: unknown[] = [];
    const aborts: unknown[] = [];
    const client = generation(events);
    const sink = createResponseSink(client.handler, (reason) => aborts.push(reason));
    sink.start();
    return { events, aborts, client, sink };
  };
  const isReady = async (ready: Promise<void>) =>
    Promise.race([ready.then(() => true), new Promise((resolve) => setTimeout(resolve, 5, false))]);

  it("is told in order, with repeated headers", async () => {
    const { events, sink } = play();
    sink.head(
      201,
      [
        ["a", "1"],
        ["set-cookie", "x"],
        ["set-cookie", "y"],
      ],
      "Made",
    );
    sink.data(Buffer.from("one"));
    sink.end();
    const headers = ["a", "1", "set-cookie", "x", "set-cookie", "y"];
    expect(events).toEqual(["start", ["head", 201, "Made", headers], "one", "end"]);
  });

  it("waits when asked to, until resumed or released", async () => {
    const { sink, client } = play();
    sink.head(200, [], "");
    expect(await isReady(sink.readyForMore())).toBe(true);
    sink.data(Buffer.from("wait"));
    const ready = sink.readyForMore();
    expect(await isReady(ready)).toBe(false);
    client.resume();
    expect(await isReady(ready)).toBe(true);
    sink.data(Buffer.from("wait"));
    const again = sink.readyForMore();
    sink.release();
    expect(await isReady(again)).toBe(true);
  });

  it("can be aborted by the client, and tells of a failure", async () => {
    const { events, aborts, sink, client } = play();
    const [enough, broken] = [new Error("enough"), new Error("broken")];
    client.abort(enough);
    expect(aborts).toEqual([enough]);
    sink.fail(broken);
    expect(events).toEqual(["start", broken]);
  });
});
