// Which servers answer for a model. The table is the gateway's memory, so it outlives this process where the store does.
import { createHash } from "node:crypto";
import type { GatewayMemory } from "./gateway-memory.js";
import type { GatewayModel } from "./gateway-records.js";

export class ModelTable {
  readonly #memory: GatewayMemory;

  constructor(memory: GatewayMemory) {
    this.#memory = memory;
  }

  /** One that is known by its model and endpoint is replaced. */
  put(given: readonly GatewayModel[]): Promise<void> {
    return this.#memory.change(({ models }) => {
      const all = new Map([...models, ...given].map((model) => [`${model.model}\n${model.endpoint}`, model]));
      return { models: [...all.values()] };
    });
  }

  clear(): Promise<void> {
    return this.#memory.change(() => ({ models: [] }));
  }

  /** The same server for all calls of a rollout, while the servers stay the same: its prefixes are cached there. */
  async pick(name: string, rolloutId: string): Promise<GatewayModel | undefined> {
    const servers = (await this.#memory.read()).models.filter(({ model }) => model === name);
    if (servers.length === 0) return undefined;
    servers.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
    const hash = createHash("sha256").update(rolloutId).digest().readBigUInt64BE(0);
    return servers[Number(hash % BigInt(servers.length))];
  }
}
