// Ends by a stray of its own, of no rollout: node stray-process.mjs KIND LISTENERS [watched]
import { AsyncLocalStorage } from "node:async_hooks";
import { runRollout } from "../../dist/runner/run-rollout.js";
import { watchStrays } from "../../dist/tracing/strays.js";

const [kind, listeners, watched] = process.argv.slice(2);
if (listeners === "both") {
  process.on("unhandledRejection", (reason) => console.log("heard a rejection", String(reason)));
  process.on("uncaughtException", (error, origin) => console.log("heard", String(error), origin));
}
if (listeners === "throwing")
  process.on("unhandledRejection", (reason) => {
    throw new Error("from the listener", { cause: reason });
  });
if (listeners === "exiting") process.on("unhandledRejection", () => process.exit(7));
process.on("exit", (code) => console.log("exit", code, process.listenerCount("unhandledRejection")));

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fail = () => {
  throw new TypeError("nobody waits");
};
const strays = {
  rejection: () => void Promise.reject(new TypeError("nobody waits")),
  value: () => void Promise.reject({ no: "error" }),
  timer: () => setTimeout(fail, 1),
  microtask: () => queueMicrotask(fail),
  sync: fail,
};
if (watched === "watched") {
  const place = { rolloutId: "ro", attemptId: "at", mode: "train", resources: {}, timeoutMs: null };
  watchStrays();
  void runRollout({
    ...place,
    agent: () => wait(200),
    input: null,
    handle: () => Response.error(),
    route: () => "ignore",
  });
} else new AsyncLocalStorage().run(1, () => undefined);
await wait(20);
strays[kind]();
await wait(20);
console.log("goes on");
process.exit(3);
