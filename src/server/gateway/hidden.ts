// What the gateway keeps in the store for itself: lists for others leave it out.

/** Top-level name of the metadata of its rollouts, where it is true. */
export const kHidden = "agentlightning.hidden";
/** The worker whose last signs are its memory. */
export const kGatewayWorker = "agentlightning.gateway";
