// What the gateway keeps besides rollouts, for the server that comes after this one: as the last signs of a worker named after it. Resources
// would not do: a new bundle becomes the latest, to which others' rollouts are bound.
import { LightningError } from "../../base/error.js";
import { toJsonValue } from "../../base/json-value.js";
import type { LightningStore } from "../../store/store.js";
import { type GatewayModel, modelsSchema } from "./gateway-records.js";
import { kGatewayWorker } from "./hidden.js";

interface Kept {
  readonly models: readonly GatewayModel[];
  /** Ended rollouts that were deleted: places in the list of those that ended stay what they were. */
  readonly forgotten: number;
}

export class GatewayMemory {
  readonly #store: LightningStore;
  #kept: Promise<Kept> | undefined;

  constructor(store: LightningStore) {
    this.#store = store;
  }

  /** As it was when it was first asked for, with the changes since. */
  read(): Promise<Kept> {
    this.#kept ??= this.#orAgain(this.#load());
    return this.#kept;
  }

  async change(changes: (kept: Kept) => Partial<Kept>): Promise<void> {
    // Each builds on the one before.
    this.#kept = this.#orAgain(this.read().then((before) => ({ ...before, ...changes(before) })));
    const { models, forgotten } = await this.#kept;
    await this.#store.heartbeat(kGatewayWorker, { models: JSON.stringify(models), forgotten });
  }

  async #orAgain(kept: Promise<Kept>): Promise<Kept> {
    try {
      return await kept;
    } catch (error) {
      this.#kept = undefined;
      throw error;
    }
  }

  async #load(): Promise<Kept> {
    const stats = await this.#store.getWorker(kGatewayWorker).then(
      ({ heartbeatStats }) => heartbeatStats,
      (error: unknown) => {
        if (error instanceof LightningError && error.code === "E_NOT_FOUND") return null;
        throw error;
      },
    );
    const models = modelsSchema.safeParse(toValue(stats?.models));
    const { forgotten } = stats ?? {};
    return {
      models: models.data ?? [],
      forgotten: typeof forgotten === "number" && Number.isSafeInteger(forgotten) ? forgotten : 0,
    };
  }
}

// --- internal ---

function toValue(text: unknown): unknown {
  return typeof text === "string" ? toJsonValue(text) : undefined;
}
