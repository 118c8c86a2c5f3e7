// A run that can be killed: its counters go into the policy's checkpoint file with the weights, so that both are of one moment.
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { toJsonValue } from "../../base/json-value.js";
import { kDefaultDate } from "../../policy/chat/template-options.js";
import { readSafetensors } from "../../policy/model/safetensors.js";
import type { Policy } from "../../policy/policy.js";
import type { LightningStore } from "../../store/store.js";
import type { Settings } from "../options.js";
import { writeOutput } from "./output-file.js";

/** What a trainer counts. */
export interface RunState {
  /** Training steps taken. */
  readonly steps: number;
  /** Batches taken by each fit, in the order of the calls. */
  readonly fits: readonly number[];
  /** Of the evaluations since the last step. */
  readonly lastEvaluation: Readonly<Record<string, number>>;
}

export interface RunCheckpoint {
  /** Undefined: nothing is kept. */
  readonly file: string | undefined;
  /** Names the run in its rollouts' metadata. */
  readonly run: string;
  /** Null when there is no file yet. @throws E_ARGUMENT when the file is of another run's settings, E_MODEL when it is damaged */
  load(): Promise<RunState | null>;
  save(state: RunState): Promise<void>;
}

export function createRunCheckpoint(
  file: string | undefined,
  policy: Policy,
  settings: Settings,
): RunCheckpoint {
  let run: string = randomUUID();
  const { algorithm, adapter } = settings;
  // Variables and date decide the prompts: with others it would be another run.
  const variables = Object.entries({ ...policy.template, ...settings.template });
  const template = JSON.stringify(Object.fromEntries(variables.sort(([a], [b]) => (a < b ? -1 : 1))));
  const date = settings.date ?? policy.date;
  // What is learned from, too.
  const given = settings.rewards.map(({ name, weight = 1 }) => [name, weight]);
  const rewards = given.length === 0 ? {} : { rewards: JSON.stringify([settings.combine, ...given]) };
  const identity = {
    ...rewards,
    algorithm: algorithm.name,
    adapter,
    seed: `${settings.seed}`,
    template,
    date,
  };
  return {
    file,
    get run() {
      return run;
    },
    async load() {
      if (file === undefined || !existsSync(file)) return null;
      // Whose file it is comes first: a refused one leaves the policy as it is.
      const text = readSafetensors(file).metadata.state ?? "";
      const parsed = stateSchema.safeParse(toJsonValue(text));
      if (!parsed.success) throw argumentError(kWho, `checkpointFile ${file} to be a trainer's`, text);
      const { steps, lastEvaluation, identity: saved, algorithm: counters } = parsed.data;
      // Files of before fits were told apart are of one.
      const fits = parsed.data.fits ?? [steps];
      // Files of before there was a choice are of the defaults.
      const was = { template: "{}", date: kDefaultDate, ...saved };
      if (!isDeepStrictEqual(was, identity)) {
        const expected = `checkpointFile ${file} of a run with ${JSON.stringify(identity)}, or another file`;
        throw new LightningError("E_ARGUMENT", `${kWho}: expected ${expected}, got ${JSON.stringify(was)}`);
      }
      await policy.loadCheckpoint(file);
      run = parsed.data.run;
      algorithm.restore?.(counters);
      // JSON has no NaN.
      const numbers = Object.entries(lastEvaluation).map(([name, value]) => [name, value ?? Number.NaN]);
      return { steps, fits, lastEvaluation: Object.fromEntries(numbers) };
    },
    async save(state) {
      if (file === undefined) return;
      const counters = algorithm.state?.() ?? {};
      await writeOutput("checkpointFile", file, () => {
        mkdirSync(dirname(resolve(file)), { recursive: true });
        return policy.saveCheckpoint(file, JSON.stringify({ run, identity, ...state, algorithm: counters }));
      });
    },
  };
}

/** Ends what a killed process of this run left open in a store that outlived it. */
export async function cancelLeftovers(store: LightningStore, run: string): Promise<void> {
  const { items } = await store.queryRollouts({ statusIn: ["queuing", "preparing", "running", "requeuing"] });
  const left = items.filter(({ metadata }) => metadata.run === run);
  await Promise.all(left.map(({ rolloutId }) => store.cancel(rolloutId)));
}

// --- internal ---

const kWho = "createTrainer";
const stateSchema = z.object({
  run: z.string(),
  identity: z.record(z.string(), z.string()),
  steps: z.int().min(0),
  fits: z.array(z.int().min(0)).optional(),
  lastEvaluation: z.record(z.string(), z.number().nullable()),
  algorithm: z.json(),
});
