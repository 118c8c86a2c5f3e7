import { expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

it("a server with a retention forgets what ended, again and again, and nothing after it closed", async () => {
  await using store = createMemoryStore();
  const server = await serve({ store, port: 0, retention: { keep: 1, everyMs: 10 } });
  const end = async () => store.cancel((await store.startRollout({ input: 0 })).rolloutId);
  const settles = async () => {
    for (let i = 0; i < 200 && (await store.statistics()).rollouts > 1; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return (await store.statistics()).rollouts;
  };
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 5; i++) await end();
    expect(await settles()).toBe(1);
  }
  await server.close();
  for (let i = 0; i < 5; i++) await end();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect((await store.statistics()).rollouts).toBe(6);
});

it.each([{}, { keep: -1 }, { keep: 1, everyMs: 0 }, { olderThanSeconds: "1d" }, { keeps: 1 }])(
  "a server refuses the retention %j",
  async (retention) => {
    await using store = createMemoryStore();
    const started = serve({ store, port: 0, retention: retention as never });
    await expect(started).rejects.toMatchObject({ code: "E_ARGUMENT" });
  },
);
