// What a rollout's agent reads: the bundle that it was bound to, in the version that it was bound to.
import type { LightningStore } from "../store/store.js";
import type { Resources } from "../types/resources.js";
import type { Rollout } from "../types/rollout.js";

/** @throws what the store does: E_NOT_FOUND when it does not have them */
export async function resourcesOf(
  store: LightningStore,
  { resourcesId, resourcesVersion }: Rollout,
): Promise<Resources> {
  if (resourcesId === null) return {};
  return (await store.getResources(resourcesId, resourcesVersion ?? undefined)).resources;
}
