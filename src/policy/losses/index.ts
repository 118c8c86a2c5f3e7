// The public namespace `losses`. A loss of your own is an object like these or a bare function: PolicyLoss, LossFunction.
import { logLikelihood } from "./log-likelihood.js";
import { ppoClip } from "./ppo-clip.js";

export const losses = { logLikelihood, ppoClip } as const;
