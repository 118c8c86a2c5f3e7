// Which bundle of resources a rollout is bound to, and in which version: the newest at that moment, whatever becomes of the bundle later.
import type { ResourcesUpdate } from "../types/resources.js";
import { notFound } from "./not-found.js";
import type { NewRollout, RolloutChanges } from "./store-records.js";

export type BoundResources = Pick<ResourcesUpdate, "resourcesId" | "version">;
/** Changes of a rollout with the version of the bundle that they name. */
export type BoundChanges = RolloutChanges & { readonly resourcesVersion?: number | null };

/** A store's bundles, as they are now. */
export interface Bundles {
  /** In its newest version; null: there is none of this id. */
  newest(resourcesId: string): BoundResources | null;
  /** The one changed last. */
  latest(): BoundResources | null;
}

/** The bundle that a new rollout names, else the latest. @throws E_NOT_FOUND */
export function bindNew(who: string, { resourcesId }: NewRollout, bundles: Bundles): BoundResources | null {
  if (resourcesId === undefined || resourcesId === null) return bundles.latest();
  return bundles.newest(resourcesId) ?? notFound(who, "resources", resourcesId);
}

/** @throws E_NOT_FOUND */
export function bindChanges(who: string, changes: RolloutChanges, bundles: Bundles): BoundChanges {
  const { resourcesId } = changes;
  if (resourcesId === undefined) return changes;
  if (resourcesId === null) return { ...changes, resourcesVersion: null };
  const { version } = bundles.newest(resourcesId) ?? notFound(who, "resources", resourcesId);
  return { ...changes, resourcesVersion: version };
}
