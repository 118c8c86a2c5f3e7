// What goes on around a batch, with a batch that runs nothing.
import { EventEmitter } from "eventemitter3";
import { describe, expect, it } from "vitest";
import { createRoller, type RollerParts } from "../../src/trainer/roller.js";
import type { BatchRequest } from "../../src/trainer/rollouts/batch-rollout.js";
import type { TrainerEvents } from "../../src/trainer/trainer.js";

const runBatch = (async (requests, { onRollout }) => {
  for (const { place } of requests)
    onRollout({ result: { reward: place.sample === 1 ? null : 1, place } } as never);
  return requests as never;
}) satisfies RollerParts["runBatch"];

describe("a batch of rollouts", () => {
  it("has every task's samples in order, and tells of each how many are done and how many are excluded", async () => {
    const events = new EventEmitter<TrainerEvents>();
    const told: unknown[] = [];
    events.on("rollout", (result) => told.push(result));
    const said: string[] = [];
    const settled: string[] = [];
    const watched: string[] = [];
    const roller = createRoller({
      ...{ runBatch, watch: () => () => void watched.push("ended") },
      events,
      progress: { update: (text) => said.push(text), line: () => undefined, close: () => undefined },
      kept: { settle: async (what: string) => void settled.push(what) } as never,
      ready: async () => undefined,
    });
    const request = {
      ...{ what: "step", title: "step 4", tasks: ["a", "b"], step: 3, mode: "train" as const, samples: 2 },
      ...{ sampling: (() => undefined) as never, signal: new AbortController().signal },
    };
    const requests = (await roller.roll(request)) as unknown as readonly BatchRequest[];
    expect(requests.map(({ input, place }) => [input, place])).toEqual(
      ["a", "b"].flatMap((input, task) =>
        [0, 1].map((sample) => [input, { mode: "train", step: 3, task, sample }]),
      ),
    );
    expect(said).toEqual([
      "step 4: 1 of 4 rollouts",
      "step 4: 2 of 4 rollouts, 1 excluded",
      "step 4: 3 of 4 rollouts, 1 excluded",
      "step 4: 4 of 4 rollouts, 2 excluded",
    ]);
    expect(told.length).toBe(4);
    expect(settled).toEqual(["step"]);
    await expect(roller.roll({ ...request, tasks: [] })).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await roller.roll(request);
    expect(watched).toEqual([]);
    await roller.close();
    expect(watched).toEqual(["ended"]);
  });

  it("is waited for by close, and the step that holds it", async () => {
    let resolve = (): void => undefined;
    const promise = new Promise<void>((end) => {
      resolve = end;
    });
    const progress = { update: () => undefined, line: () => undefined, close: () => undefined };
    const roller = createRoller({
      ...{ runBatch, watch: () => () => undefined },
      events: new EventEmitter(),
      progress,
      kept: undefined,
      ready: async () => undefined,
    });
    void roller.holdOpen(promise);
    let isClosed = false;
    const closing = roller.close().then(() => {
      isClosed = true;
    });
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    resolve();
    await closing;
    expect(isClosed).toBe(true);
  });
});
