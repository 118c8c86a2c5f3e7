// The public namespace `losses`. A loss of your own is an object like these or a bare function: PolicyLoss, LossFunction.
import { cispo } from "./cispo.js";
import { dppo } from "./dppo.js";
import { gmpo } from "./gmpo.js";
import { gspo } from "./gspo.js";
import { importanceSampling } from "./importance-sampling.js";
import { logLikelihood } from "./log-likelihood.js";
import { ppoClip } from "./ppo-clip.js";
import { reinforce } from "./reinforce.js";
import { sapo } from "./sapo.js";

export const losses = {
  logLikelihood,
  ...{ ppoClip, gspo, cispo, sapo, gmpo, dppo },
  ...{ reinforce, importanceSampling },
} as const;
