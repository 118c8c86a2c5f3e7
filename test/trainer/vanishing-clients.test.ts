// Clients of a trainer's socket that vanish, do not read, or send half: each costs its own call and nothing else.
import { connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import type { Policy, SampledChoice, SampleOptions } from "../../src/policy/policy.js";
import { emitReward } from "../../src/tracing/emit.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { RolloutContext } from "../../src/types/agent.js";
import { openOutside } from "../support/outside.js";
import { tinyPolicy } from "./tiny-policy.js";

const kClients = 40;
const chat = { model: "m", messages: [{ role: "user", content: "abc" }] };

/** Sends a call and resolves with its socket when the first bytes of the answer are there. */
function begin({ endpoint }: RolloutContext, body: object): Promise<Socket> {
  const url = new URL(`${endpoint.openai}/chat/completions`);
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    socket.once("error", reject);
    socket.once("data", () => {
      socket.pause();
      resolve(socket);
    });
    const head = [`POST ${url.pathname} HTTP/1.1`, `host: ${url.host}`, "content-type: application/json"];
    const key = [`x-api-key: ${endpoint.env.AGL_KEY}`, `content-length: ${text.length}`];
    socket.write(`${[...head, ...key].join("\r\n")}\r\n\r\n${text}`);
  });
}

/** Sends less of a body than it says, and goes. */
function sendHalf({ endpoint }: RolloutContext): Promise<void> {
  const url = new URL(`${endpoint.openai}/chat/completions`);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname, () => {
      const head = `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 1000\r\n\r\n{"mod`;
      socket.write(head, () => socket.destroy());
    });
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
}

/** A policy whose calls of many tokens end only when they are given up. */
function endless(policy: Policy) {
  const ended: unknown[] = [];
  const sample = async (options: SampleOptions): Promise<SampledChoice[]> => {
    if (options.maxTokens !== 40) return policy.sample(options);
    const { signal } = options;
    await policy.sample({ ...options, signal: new AbortController().signal });
    await new Promise((resolve) => signal!.addEventListener("abort", resolve, { once: true }));
    ended.push(signal!.reason);
    throw signal!.reason;
  };
  const watched = new Proxy(policy, {
    get: (target, name) => {
      if (name === "sample") return sample;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { watched, ended };
}

it("gives up the call of each client that vanishes, and answers others beside those that do not read", async () => {
  await using policy = await tinyPolicy({ contextLength: 64 });
  await using outside = openOutside();
  const { watched, ended } = endless(policy);
  let answered: number[] = [];
  await using trainer = createTrainer<string>({
    ...{ policy: watched, listen: { port: 0 }, sampling: { maxTokens: 40 } },
    agent: async (_, context) => {
      const stream = { ...chat, stream: true };
      const sockets = await Promise.all(Array.from({ length: kClients }, () => begin(context, stream)));
      // None of them reads on.
      const ask = async () => {
        const headers = { "x-api-key": context.endpoint.env.AGL_KEY! };
        const url = `${context.endpoint.openai}/chat/completions`;
        return (await outside.call(url, { ...chat, max_tokens: 3 }, headers)).status;
      };
      answered = [await ask()];
      expect(ended.length).toBe(0);
      await Promise.all(Array.from({ length: kClients }, () => sendHalf(context)));
      for (const socket of sockets) socket.destroy();
      await expect.poll(() => ended.length, { timeout: 30_000, interval: 10 }).toBe(kClients);
      answered.push(await ask());
      emitReward(1);
    },
  });
  const { result } = await trainer.dev("abc");
  expect(answered).toEqual([200, 200]);
  expect(result).toMatchObject({ outcome: "ok", reward: 1 });
});
