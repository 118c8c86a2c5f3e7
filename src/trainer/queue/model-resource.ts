// Where runners find the policy: a resource `proxy_llm` of the rollouts' bundle, as Agent Lightning 0.3's runners and ours read it.
import { isDeepStrictEqual } from "node:util";
import type { LightningStore } from "../../store/store.js";
import type { Resource } from "../../types/resources.js";

export interface PolicyAddress {
  /** As runners reach it, without a path. */
  readonly url: string;
  /** Null: none is asked for. */
  readonly key: string | null;
}

/** @returns the id of the latest bundle, which then names the address. Rejects with what the store rejects with */
export async function addPolicyAddress(store: LightningStore, { url, key }: PolicyAddress): Promise<string> {
  const latest = await store.getLatestResources();
  const resource: Resource = {
    resourceType: "proxy_llm",
    endpoint: `${url}/v1`,
    model: kModel,
    apiKey: key,
    samplingParameters: {},
  };
  if (latest !== null && isDeepStrictEqual(latest.resources[kName], resource)) return latest.resourcesId;
  const { resourcesId } = await store.addResources({ ...latest?.resources, [kName]: resource });
  return resourcesId;
}

// --- internal ---

/** As 0.3's trainers call it. */
const kName = "main_llm";
/** The policy answers to any name. */
const kModel = "policy";
