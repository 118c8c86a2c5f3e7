// Which run a checkpoint file is of, with a policy that keeps the text alone.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { createRunCheckpoint } from "../../../src/trainer/run/checkpoint.js";

vi.mock("../../../src/policy/model/safetensors.js", () => ({
  readSafetensors: (file: string) => ({ metadata: { state: readFileSync(file, "utf8") } }),
}));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "agl-checkpoint-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newFile = () => join(folder, "within", `${files++}.safetensors`);

function open(file: string | undefined, settings: object = {}, policy: object = {}) {
  const loaded: string[] = [];
  const restored: unknown[] = [];
  const checkpoint = createRunCheckpoint(
    file,
    {
      ...{ template: {}, date: "2024-07-26" },
      loadCheckpoint: async (path: string) => void loaded.push(path),
      saveCheckpoint: async (path: string, text: string) => writeFileSync(path, text),
      ...policy,
    } as never,
    {
      ...{ adapter: "a", seed: 7n, template: {}, date: undefined, rewards: [], combine: "sum" },
      algorithm: {
        name: "own",
        state: () => ({ updates: 3 }),
        restore: (state: unknown) => restored.push(state),
      },
      ...settings,
    } as never,
  );
  return { checkpoint, loaded, restored };
}

const state = { steps: 4, fits: [1, 3], lastEvaluation: { "eval/reward/mean": 0.5, "eval/odd": Number.NaN } };

it("what is saved is found again, with the algorithm's counters, the policy's weights and the name of the run", async () => {
  const file = newFile();
  const first = open(file);
  expect(await first.checkpoint.load()).toBe(null);
  await first.checkpoint.save(state);
  const second = open(file);
  expect(second.checkpoint.run).not.toBe(first.checkpoint.run);
  expect(await second.checkpoint.load()).toEqual(state);
  expect(second.checkpoint.run).toBe(first.checkpoint.run);
  expect([second.loaded, second.restored]).toEqual([[file], [{ updates: 3 }]]);
  expect([first.loaded, first.restored, first.checkpoint.file]).toEqual([[], [], file]);
});

it("without a file nothing is kept or found", async () => {
  const { checkpoint, loaded } = open(undefined);
  await checkpoint.save(state);
  expect([await checkpoint.load(), loaded]).toEqual([null, []]);
});

it("an algorithm without counters is saved and found as well", async () => {
  const file = newFile();
  const settings = { algorithm: { name: "own" } };
  await open(file, settings).checkpoint.save(state);
  expect(JSON.parse(readFileSync(file, "utf8")).algorithm).toEqual({});
  expect((await open(file, settings).checkpoint.load())?.steps).toBe(4);
});

it.each([
  ["seed", { seed: 8n }, {}],
  ["adapter", { adapter: "b" }, {}],
  ["algorithm", { algorithm: { name: "other" } }, {}],
  ["template", { template: { enable_thinking: false } }, {}],
  ["template of the policy", {}, { template: { enable_thinking: false } }],
  ["date", { date: "2020-01-01" }, {}],
  ["date of the policy", {}, { date: "2020-01-01" }],
])("a file of another %s is refused, and the policy left as it is", async (_, settings, policy) => {
  const file = newFile();
  await open(file).checkpoint.save(state);
  const other = open(file, settings, policy);
  await expect(other.checkpoint.load()).rejects.toMatchObject({
    code: "E_ARGUMENT",
    message: expect.stringContaining(`expected checkpointFile ${file} of a run with`),
  });
  expect([other.loaded, other.restored]).toEqual([[], []]);
});

it("variables of the template count whatever their order, those of the trainer over the policy's", async () => {
  const file = newFile();
  await open(file, { template: { b: 1, a: 2 } }).checkpoint.save(state);
  const same = open(file, { template: { b: 1 } }, { template: { a: 2, b: 9 } });
  expect((await same.checkpoint.load())?.steps).toBe(4);
});

it("a file of before there were fits, dates and templates is of one fit and of the defaults", async () => {
  const file = newFile();
  await open(file).checkpoint.save(state);
  const { fits: _, identity, ...old } = JSON.parse(readFileSync(file, "utf8"));
  const { template: __, date: ___, ...before } = identity;
  writeFileSync(file, JSON.stringify({ ...old, identity: before }));
  expect((await open(file).checkpoint.load())?.fits).toEqual([4]);
});

it.each(["", "{}", "text", '{"steps": -1}'])("a file that holds %j is no trainer's", async (text) => {
  const file = newFile();
  await open(file).checkpoint.save(state);
  writeFileSync(file, text);
  await expect(open(file).checkpoint.load()).rejects.toMatchObject({
    code: "E_ARGUMENT",
    message: expect.stringContaining("to be a trainer's"),
  });
  expect(existsSync(file)).toBe(true);
});
