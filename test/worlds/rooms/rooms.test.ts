// The world itself, and a few steps of GiGPO in it through the whole loop.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { credit } from "../../../src/credit/index.js";
import { createModel } from "../../../src/policy/create-model.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
// @ts-expect-error a world without types, which benchmarks share
import { ask, createAgent, createEpisode, kMostTurns, kStarts, roomsModel } from "./rooms.mjs";

/** By letters: north, east, south, west are a, b, c, d. */
function play(start: string, moves: string): { told: string[]; reward: number } {
  const episode = createEpisode(start);
  const told = [episode.told()];
  for (const move of moves) {
    episode.move(move);
    told.push(episode.told());
  }
  return { told, reward: episode.reward() };
}

describe("the rooms", () => {
  it("let out who fetches the key first: six moves from a", () => {
    expect(play("a", "cbbbba")).toEqual({ told: ["a-", "f-", "g-", "h+", "i+", "j+", "e+"], reward: 1 });
  });

  it("keep the way out locked without the key, from both sides, and walls are walls", () => {
    expect(play("a", "abbbbcba")).toEqual({
      told: ["a-", "a-", "b-", "c-", "d-", "d-", "i-", "j-", "j-"],
      reward: 0,
    });
  });

  it("hear a letter by its place, and no mark", () => {
    expect(play("a", "f").told).toEqual(play("a", "b").told);
    expect(play("a", "+-!").told).toEqual(["a-", "a-", "a-", "a-"]);
  });

  it("end after twelve moves, and with the way out", () => {
    const episode = createEpisode("a");
    for (let turn = 0; turn < kMostTurns; turn++) {
      expect(episode.isOver()).toBe(false);
      episode.move("a");
    }
    expect([episode.isOver(), episode.reward()]).toEqual([true, 0]);
    const agent = createAgent(async (messages: readonly unknown[]) => "cbbbba"[(messages.length - 1) / 2]);
    return expect(agent("a")).resolves.toBe(1);
  });
});

describe("GiGPO in the rooms", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "agl-rooms-"));
    createModel(join(dir, "model"), roomsModel, { seed: 1 });
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it("compares most calls with others that stood in the same room, each rollout one row", async () => {
    await using policy = await loadPolicy(join(dir, "model"), {
      ...{ train: "all", contextLength: 64, seed: 1, threads: 1 },
    });
    await using trainer = createTrainer({
      ...{ policy, agent: createAgent(ask), sampling: { maxTokens: 1 }, seed: 1, klEvery: null },
      algorithm: grpo({ groupSize: 6, lr: 6e-4, credit: credit.gigpo() }),
    });
    for (let step = 0; step < 3; step++) {
      const { metrics, rollouts } = await trainer.step(kStarts);
      expect(metrics["credit/anchored"]).toBeGreaterThan(0.8);
      expect(metrics["rows/per_rollout"]).toBe(1);
      expect(metrics["calls/per_rollout"]).toBeGreaterThan(8);
      expect(rollouts.every(({ outcome }) => outcome === "ok")).toBe(true);
    }
  });
});
