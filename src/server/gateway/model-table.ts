// Which servers answer for a model. In this process's memory, as with the reference: the trainer registers them anew.
import { createHash } from "node:crypto";
import type { GatewayModel } from "./gateway-records.js";

export class ModelTable {
  readonly #models = new Map<string, GatewayModel>();

  put(models: readonly GatewayModel[]): void {
    for (const model of models) this.#models.set(`${model.model}\n${model.endpoint}`, model);
  }

  clear(): void {
    this.#models.clear();
  }

  /** The same server for all calls of a rollout, while the servers stay the same: its prefixes are cached there. */
  pick(name: string, rolloutId: string): GatewayModel | undefined {
    const servers = [...this.#models.values()].filter(({ model }) => model === name);
    if (servers.length === 0) return undefined;
    servers.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
    const hash = createHash("sha256").update(rolloutId).digest().readBigUInt64BE(0);
    return servers[Number(hash % BigInt(servers.length))];
  }
}
