// Every public function that takes options, as whoever misspells one meets it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as agl from "../src/index.js";
import { outcome, refused } from "./call-outcome.js";
import { qwen2 } from "./policy/fixture-models.js";

let policy: agl.Policy;
let trainer: agl.Trainer<number>;
let out: string;
beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "agl-facades-"));
  policy = await agl.loadPolicy(qwen2, { contextLength: 64, cacheTokens: 256 });
  trainer = agl.createTrainer({ policy, agent });
});
afterAll(async () => {
  await trainer.close();
  await policy.close();
  rmSync(out, { recursive: true });
});

/** @param options  whatever: that is the point */
type Facade = readonly [who: string, call: (options: never) => unknown, good: object];

const make = (options: object) => agl.createTrainer({ policy, agent, ...options } as never);
const serve = (options: object) => agl.serve({ store: agl.createMemoryStore(), ...options } as never);
const agent = async () => 1;
const renderWith = (options: object, tool_calls?: unknown) =>
  policy.renderChat([{ role: "assistant", content: "a", tool_calls } as never], options as never);
const row = { tokens: [1, 2, 3], advantages: 1 };
const facades: readonly Facade[] = [
  ["policy.sample", (o) => policy.sample(o), { prompt: [1], maxTokens: 2 }],
  ["policy.score", (o) => policy.score([[1, 2]], o), {}],
  ["policy.forwardBackward", (o) => policy.forwardBackward([row], agl.losses.ppoClip(), o), {}],
  ["policy.optimStep", (o) => policy.optimStep(o), { lr: 0 }],
  ["policy.addAdapter: adapter", (o) => policy.addAdapter("other", o), { rank: 2 }],
  ["policy.saveAdapter", (o) => policy.saveAdapter(join(out, "adapter"), o), {}],
  ["loadPolicy", (o) => agl.loadPolicy("nowhere", o), {}],
  ["createTrainer", (o) => agl.createTrainer(o), { policy: undefined, agent }],
  ["createTrainer: sampling", (o) => agl.createTrainer({ policy, agent, sampling: o }), {}],
  ["createTrainer: routes", (o) => agl.createTrainer({ policy, agent, routes: o }), {}],
  ["trainer.step", (o) => trainer.step([1], o), {}],
  ["trainer.evaluate", (o) => trainer.evaluate([1], o), {}],
  ["trainer.fit", (o) => trainer.fit([[1]], o), {}],
  ["trainer.dev", (o) => trainer.dev(1, o), {}],
  ["openStore", (o) => agl.openStore("memory:", o), {}],
  ["createMemoryStore", (o) => agl.createMemoryStore(o), {}],
  ["serve", (o) => agl.serve(o), { store: undefined }],
  ["serve: gateway", (o) => agl.serve({ store: agl.createMemoryStore(), port: -1, gateway: o }), {}],
  ["emitReward", (o) => agl.emitReward(1, o), {}],
  ["emitMessage", (o) => agl.emitMessage("a", o), {}],
  ["emitObject", (o) => agl.emitObject({}, o), {}],
  ["emitException", (o) => agl.emitException(new Error("a"), o), {}],
  ["parseToolCalls", (o) => agl.parseToolCalls("", o), {}],
  ["grpo", (o) => agl.grpo(o), {}],
  ["grpo: loss", (o) => agl.grpo({ loss: o }), {}],
  ["grpo: advantage", (o) => agl.grpo({ advantage: o }), {}],
  ["grpo: optimizer", (o) => agl.grpo({ optimizer: o }), {}],
  ["sft", (o) => agl.sft(o), {}],
  ["sft: optimizer", (o) => agl.sft({ optimizer: o }), {}],
  ["baseline", (o) => agl.baseline(o), {}],
  ["tokenizer.decode", (o) => policy.tokenizer.decode([1], o), {}],
  ["tokenizer.decode", (o) => policy.tokenizer.createDecoder(o), {}],
  ["tokenizer.encodeAsync", (o) => policy.tokenizer.encodeAsync("a", o), {}],
  ["tokenizer.bytesOf", (o) => policy.tokenizer.bytesOf(1, o), {}],
  ["losses.ppoClip", (o) => agl.losses.ppoClip(o), {}],
  ["advantages.group", (o) => agl.advantages.group([0, 1], [0, 0], o), {}],
  ["advantages.discounted", (o) => agl.advantages.discounted([0, 1], o), {}],
  ["advantages.gae", (o) => agl.advantages.gae(o), { rewards: [0], values: [0] }],
];

describe.each(facades)("%s", (who, call, good) => {
  it("refuses a name that it does not know, and says which it knows", async () => {
    const error = await outcome(() => call({ ...good, notAnOption: 1 } as never));
    expect(error).toBeInstanceOf(agl.LightningError);
    expect(error).toEqual(
      refused(new RegExp(`^${who}: expected options among .*\\w, got "notAnOption"(;|$)`)),
    );
  });

  it("passes over names without a value", async () => {
    const error = await outcome(() => call({ ...good, notAnOption: undefined } as never));
    expect(String(error)).not.toContain("notAnOption");
  });

  it.each([null, 7, "fast", [[1]], new Map(), Promise.resolve({}), () => ({})])(
    "refuses %s in the place of options",
    async (wrong) => {
      if (who === "policy.addAdapter: adapter" && typeof wrong === "string") return;
      expect(await outcome(() => call(wrong as never))).toEqual(refused(/^[\w.: ]+expected .*, got /));
    },
  );
});

describe("a wrong shape", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "a callback",
      () => policy.sample({ prompt: [1], onToken: true as never }),
      /onToken to be a function, got true/,
    ],
    [
      "a callback",
      () => policy.sample({ prompt: [1], onAborted: "x" as never }),
      /onAborted to be a function/,
    ],
    [
      "a signal",
      () => policy.sample({ prompt: [1], signal: 5000 as never }),
      /signal to be an AbortSignal, got 5000/,
    ],
    [
      "a controller",
      () => policy.sample({ prompt: [1], signal: new AbortController() as never }),
      /signal to be an AbortSignal.*pass the controller's signal/,
    ],
    [
      "a flag",
      () => policy.sample({ prompt: [1], ignoreEos: "no" as never }),
      /ignoreEos to be true or false/,
    ],
    ["a prompt", () => policy.sample({ prompt: [{ role: "user" }] as never }), /renderChat\(messages\)\.ids/],
    ["sequences", () => policy.score(null as never), /an array of sequences, got null/],
    ["a sequence", () => policy.score([null as never]), /sequences\[0\] to be an array of token ids/],
    [
      "rows",
      () => policy.forwardBackward({} as never, agl.losses.ppoClip()),
      /an array of at least one sequence/,
    ],
    ["a row", () => policy.forwardBackward([7 as never], agl.losses.ppoClip()), /sequences\[0\]/],
    ["a loss", () => policy.forwardBackward([row], "ppo" as never), /loss to be a function/],
    [
      "a loss that was not made",
      () => policy.forwardBackward([row], agl.losses as never),
      /loss to be a function/,
    ],
    [
      "a host",
      () => make({ routes: { hosts: ["http://localhost:8000/v1"] } }),
      /got "http.*; write "localhost:8000"$/,
    ],
    ["a host", () => make({ routes: { hosts: ["localhost:8000/v1"] } }), /; write "localhost:8000"$/],
    ["a host", () => make({ routes: { hosts: ["LocalHost:8000"] } }), /; write "localhost:8000"$/],
    ["a host", () => make({ routes: { hosts: [""] } }), /; as in "localhost:8000"$/],
    [
      "an adapter",
      () => make({ adapter: "./mine" }),
      /one of default, .*base, got ".\/mine"; add the folder first/,
    ],
    ["an adapter", () => make({ adapter: { rank: 8 } }), /a fresh one is made with the policy/],
    [
      "a policy that was not awaited",
      () => make({ policy: agl.loadPolicy(qwen2) }),
      /policy.*; await it, as in await/,
    ],
    [
      "a policy",
      () => make({ policy: "./model" }),
      /policy.*got "\.\/model"; make it, as in await agl\.loadPolicy/,
    ],
    [
      "an agent that was called",
      () => make({ agent: agent() }),
      /agent to be a function.*give the function itself/,
    ],
    [
      "an algorithm that was not called",
      () => make({ algorithm: agl.grpo }),
      /algorithm.*; call it, as in agl\.grpo\(\)/,
    ],
    [
      "an algorithm",
      () => make({ algorithm: "grpo" }),
      /algorithm.*got "grpo"; make it, as in agl\.grpo\(\)/,
    ],
    ["a store", () => make({ store: agl.openStore("memory:") }), /store.*await it/],
    ["progress", () => make({ progress: "yes" }), /progress to be true or false/],
    [
      "tasks",
      () => trainer.step(1 as never),
      /tasks to be a list of tasks, got 1; one task is a list, too: \[task\]/,
    ],
    ["validation", () => trainer.fit([[1]], { validation: 1 as never }), /validation to be a list/],
    ["a stop", () => trainer.fit([[1]], { stop: true as never }), /stop to be a function/],
    ["a prefix", () => trainer.evaluate([1], { prefix: 1 as never }), /prefix to be text/],
    ["a signal for options", () => trainer.step([1], AbortSignal.abort() as never), /pass \{ signal \}/],
    ["an address", () => agl.openStore(undefined as never), /expected memory:, sqlite:PATH.*got undefined/],
    ["an address", () => agl.openStore("memory"), /write "memory:"$/],
    ["an address", () => agl.openStore("runs.db"), /for a file, write "sqlite:runs\.db"$/],
    ["an address", () => agl.openStore("sqlite3:///runs.db"), /write "sqlite:runs\.db"$/],
    [
      "a store",
      () => agl.serve({ store: agl.openStore("memory:") as never }),
      /store.*got object Promise; await/,
    ],
    ["an error's listener", () => serve({ onError: "log" }), /onError to be a function/],
    ["origins", () => serve({ corsOrigins: "*" }), /corsOrigins to be a list/],
    ["mounts", () => serve({ mounts: [{}] }), /mounts to be a list of functions/],
    ["a host", () => serve({ host: 127 }), /host to be an address/],
    ["an operation", () => agl.operation("search", {}, undefined as never), /a function.*as in operation\(/],
    [
      "an operation",
      () => agl.operation("search", null as never, () => 1),
      /attributes to be a plain object/,
    ],
    ["an agent's piece", () => agl.asAgent("planner", undefined as never), /a function.*as in asAgent\(/],
    ["a bound call", () => agl.bind(Promise.resolve() as never), /a function.*as in queue\.add\(bind\(/],
    ["ids", () => policy.tokenizer.decode(null as never), /an array of token ids, got null/],
    ["ids", () => policy.tokenizer.decode("1 2" as never), /an array of token ids, got "1 2"/],
    ["text", () => policy.tokenizer.encode([1] as never), /a string, got an array of 1/],
    ["a judge", () => agl.unrouted(Promise.resolve() as never), /a function.*as in unrouted\(/],
    ["an answer", () => agl.parseToolCalls(null as never), /the answer's text, got null/],
    ["a reward", () => agl.emitReward("1" as never), /to be a finite number, got "1"/],
    ["a reward", () => agl.emitReward(null as never), /to be a finite number, got null/],
    [
      "demonstrations",
      () => agl.sft().trainOn(policy, [{ messages: [] }] as never),
      /demonstrations\[0\]\.tokens.*renderChat/,
    ],
    ["demonstrations", () => agl.sft().trainOn(policy, null as never), /a list of demonstrations, got null/],
    [
      "a value of the optimizer",
      () => agl.grpo({ optimizer: { eps: -1 } }),
      /^grpo: optimizer: expected eps/,
    ],
    [
      "a value of advantages",
      () => agl.grpo({ advantage: { scale: "std" as never } }),
      /scale to be "group"/,
    ],
    [
      "a term of the loss",
      () => agl.losses.ppoClip({ kl: 0.05 as never }),
      /kl: expected an object of options, got 0\.05/,
    ],
    ["betas", () => policy.optimStep({ lr: 0, betas: 0.9 as never }), /betas to be two numbers/],
    ["messages", () => policy.renderChat(null as never), /at least one message, got null/],
    [
      "messages among the options",
      () => policy.renderChat([{ role: "user", content: "a" }], { messages: [] }),
      /the messages as the first argument alone/,
    ],
    [
      "a tool that is a function",
      () => renderWith({ tools: [() => 1] }),
      /tools\[0\].*got a function; as in \{ type/,
    ],
    [
      "a tool that is a name",
      () => renderWith({ tools: ["add"] }),
      /tools\[0\] to be the definition.*got "add"/,
    ],
    [
      "a tool without its wrapping",
      () => renderWith({ tools: [{ name: "add" }] }),
      /tools\[0\].*; as in \{ type/,
    ],
    [
      "a tool that is a class's",
      () => renderWith({ tools: [{ name: "add", function: () => 1 }] }),
      /tools\[0\]/,
    ],
    ["no tool", () => renderWith({ tools: [null] }), /tools\[0\].*got null/],
    [
      "calls that are text",
      () => renderWith({}, "add()"),
      /messages\[0\]\.tool_calls to be a list.*got "add/,
    ],
    [
      "calls that are a record",
      () => renderWith({}, { add: 1 }),
      /messages\[0\]\.tool_calls to be a list of calls/,
    ],
    ["a call that is text", () => renderWith({}, ["add()"]), /tool_calls\[0\]\.function\.name to be text/],
    [
      "tools",
      () => policy.renderChat([{ role: "user", content: "a" }], { tools: {} as never }),
      /tools to be a list/,
    ],
    ["rewards", () => agl.advantages.group(null as never, [0]), /rewards to be an array/],
    ["rewards", () => agl.advantages.gae({} as never), /rewards to be an array/],
    ["a mask", () => agl.advantages.whiten([1, 2], 1 as never), /mask to be an array/],
    ["a folder", () => agl.loadPolicy(null as never), /the path of a model folder, got null/],
    [
      "a model",
      () => agl.createModel("never-written", null as never, { seed: 0 }),
      /model: expected an object/,
    ],
    [
      "nothing",
      () => agl.createModel("never-written", {} as never, undefined as never),
      /^createModel: expected an object/,
    ],
    ["a path", () => policy.saveAdapter(undefined as never), /a path, got undefined/],
  ])("of %s is refused by name", async (_what, call, message) => {
    expect(await outcome(call)).toEqual(refused(message));
  });
});
