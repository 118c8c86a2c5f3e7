// The adapters that a server answers with, by the model names that clients ask for, and their change while calls run: the new weights are added
// beside the old, calls that come go to the new, those that run end with what they began with.
import { statSync } from "node:fs";
import { join } from "node:path";
import { argumentError } from "../../base/check.js";
import type { Policy, SampledChoice, SampleOptions } from "../../policy/policy.js";

/** A PEFT folder and the model name under which it is asked for. */
export interface AdapterSource {
  readonly name: string;
  readonly folder: string;
}

export interface ServedAdapters {
  /** Model names: the adapters', and that of the model itself, which is last. */
  readonly names: readonly string[];
  /** Calls that are sampled now. */
  readonly running: number;
  /** The policy's name for what answers this model now; undefined: no such model. */
  adapterOf(model: string): string | undefined;
  /** As the policy's. Counted, so that what it uses stays. */
  sample(options: SampleOptions): Promise<SampledChoice[]>;
  /**
   * Reads the folders whose files have changed. @returns what became of each adapter: "swapped", "unchanged", or why its folder cannot be used, and
   * then the old weights stay
   */
  reload(): Promise<Readonly<Record<string, string>>>;
}

export interface ServedModel {
  /** Loaded with runningSamples: "carry": running calls stand still while weights are added, and go on. */
  readonly policy: Pick<Policy, "addAdapter" | "removeAdapter" | "sample">;
  /** The model's own name. */
  readonly name: string;
  readonly adapters: readonly AdapterSource[];
  /** Other names are answered by the first adapter, or by the model. */
  readonly anyName: boolean;
}

/** Rejects with what the policy rejects with for a folder that cannot be used, E_ARGUMENT for a name that comes twice. */
export async function serveAdapters(served: ServedModel): Promise<ServedAdapters> {
  const { policy, adapters, anyName } = served;
  const names = [...adapters.map(({ name }) => name), served.name];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw argumentError("serve", "adapters and model under names of their own", `${twice} twice`);
  const current = new Map<string, Generation>();
  const retired: string[] = [];
  let generations = 0;
  let running = 0;
  const load = async ({ name, folder }: AdapterSource): Promise<"swapped" | "unchanged"> => {
    const version = versionOf(folder);
    const old = current.get(name);
    if (old?.version === version) return "unchanged";
    const adapter = `served ${generations++}`;
    await policy.addAdapter(adapter, folder);
    current.set(name, { adapter, version });
    if (old !== undefined) retired.push(old.adapter);
    return "swapped";
  };
  /** Freeing waits for whatever runs, and holds what comes: done when nothing runs, or when too many have piled up. */
  const free = async (): Promise<void> => {
    while (retired.length > 0 && (running === 0 || retired.length > kMostRetired)) {
      const [adapter] = retired.splice(0, 1);
      if (adapter !== undefined) await policy.removeAdapter(adapter);
    }
  };
  for (const adapter of adapters) await load(adapter);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    // Whoever waits for it hears of its failure; the next in turn does not.
    turn = done.catch(() => undefined);
    return done;
  };
  return {
    names,
    get running() {
      return running;
    },
    adapterOf: (model) => {
      if (model === served.name) return "base";
      const known = current.get(model)?.adapter;
      if (known !== undefined || !anyName) return known;
      return current.get(names[0] ?? "")?.adapter ?? "base";
    },
    async sample(options) {
      running += 1;
      try {
        return await policy.sample(options);
      } finally {
        running -= 1;
        // A policy that fails, or is closed meanwhile, tells its callers.
        if (running === 0 && retired.length > 0) inTurn(free).catch(() => undefined);
      }
    },
    reload: () =>
      inTurn(async () => {
        const told: [string, string][] = [];
        for (const source of adapters)
          told.push([
            source.name,
            await load(source).catch((error: unknown) =>
              error instanceof Error ? error.message : String(error),
            ),
          ]);
        await free();
        return Object.fromEntries(told);
      }),
  };
}

// --- internal ---

interface Generation {
  /** The policy's name for it. */
  readonly adapter: string;
  readonly version: string;
}

const kMostRetired = 2;

/** Changes with the files. A folder without them is the policy's to refuse. */
function versionOf(folder: string): string {
  const files = ["adapter_config.json", "adapter_model.safetensors"];
  return files
    .map((file) => statSync(join(folder, file), { bigint: true, throwIfNoEntry: false }))
    .map((stat) => (stat === undefined ? "none" : `${stat.ino} ${stat.size} ${stat.mtimeNs}`))
    .join(", ");
}
