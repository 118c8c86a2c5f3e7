import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import type { RunCheckpoint } from "../../../src/trainer/run/checkpoint.js";
import type { MetricsFile } from "../../../src/trainer/run/metrics-file.js";
import { createRunRecord } from "../../../src/trainer/run/run-record.js";
import type { Metrics } from "../../../src/types/metrics.js";

type State = Parameters<RunCheckpoint["save"]>[0];

/** A record whose files are lists. @param found  what the checkpoint file holds; null: there is none */
function recordOf({ checkpointEvery = 1, found = null as State | null } = {}) {
  const saved: State[] = [];
  const lines: Metrics[] = [];
  const calls: string[] = [];
  const checkpoint = {
    ...{ file: "run.checkpoint", run: "run-1" },
    load: async () => found,
    save: async (state: State) => {
      saved.push({ ...state, fits: [...state.fits] });
    },
  } as RunCheckpoint;
  const file = {
    prepare: async () => void calls.push("prepare"),
    rewind: async (steps: number) => void calls.push(`rewind ${steps}`),
    write: async (metrics: Metrics) => void lines.push(metrics),
  } as unknown as MetricsFile;
  const said: string[] = [];
  const store = createMemoryStore();
  const parts = { store, checkpoint, checkpointEvery, file, say: (line: string) => void said.push(line) };
  return { record: createRunRecord(parts), saved, lines, calls, said, store };
}

describe("the record of a run", () => {
  it("puts an evaluation's numbers into the line of the next step, and into no later one", async () => {
    const { record, lines } = recordOf();
    record.evaluated({ "groups/dead": 0.25 });
    record.evaluated({ "groups/count": 3 });
    expect(await record.stepped({ "reward/mean": 1 })).toEqual({
      ...{ "reward/mean": 1, "groups/dead": 0.25, "groups/count": 3 },
    });
    await record.stepped({ "reward/mean": 2 });
    expect(lines).toEqual([
      { "reward/mean": 1, "groups/dead": 0.25, "groups/count": 3 },
      { "reward/mean": 2 },
    ]);
  });

  it("keeps in its checkpoint what was evaluated since the last step", async () => {
    const found = { steps: 4, fits: [4], lastEvaluation: { "groups/dead": 0.5 } };
    const { record, lines } = recordOf({ found });
    await record.resume();
    await record.stepped({});
    expect(lines).toEqual([{ "groups/dead": 0.5 }]);
  });

  it("is kept after every so many steps of the run, and before its first", async () => {
    const { record, saved } = recordOf({ checkpointEvery: 2 });
    await record.resume();
    for (let i = 0; i < 5; i++) await record.stepped({});
    expect(saved.map(({ steps }) => steps)).toEqual([0, 2, 4]);
    expect(record.steps).toBe(5);
  });

  it("goes on once from where its checkpoint is, its file cut back to there, and says so", async () => {
    const { record, saved, calls, said } = recordOf({ found: { steps: 7, fits: [7], lastEvaluation: {} } });
    await record.resume();
    await record.resume();
    expect(record.steps).toBe(7);
    expect(calls).toEqual(["prepare", "rewind 7"]);
    expect(said).toEqual([expect.stringContaining("step 7")]);
    expect(saved).toEqual([]);
    await record.stepped({});
    expect(saved.map(({ steps }) => steps)).toEqual([8]);
  });

  it("cancels what a killed process of the same run left in the store, and nothing else", async () => {
    const { record, store } = recordOf({ found: { steps: 1, fits: [1], lastEvaluation: {} } });
    const [own, other] = await store.enqueue([
      { input: 1, metadata: { run: "run-1" } },
      { input: 2, metadata: { run: "run-2" } },
    ]);
    await record.resume();
    const statusOf = async (rollout: typeof own) => (await store.getRollout(rollout?.rolloutId ?? "")).status;
    expect([await statusOf(own), await statusOf(other)]).toEqual(["cancelled", "queuing"]);
  });
});
