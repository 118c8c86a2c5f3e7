// The public namespace `algorithms`: the family beside grpo, and what an algorithm of one's own is made of.
import { cispo } from "./cispo.js";
import { compareSets } from "./compare-sets.js";
import { compareBy } from "./credited-calls.js";
import { dppo } from "./dppo.js";
import { drGrpo } from "./dr-grpo.js";
import { countExactness, isCurrent } from "./exactness.js";
import { gmpo } from "./gmpo.js";
import { gpg } from "./gpg.js";
import { gspo } from "./gspo.js";
import { createLearningRate, defaultLearningRate } from "./learning-rate.js";
import { maxRl } from "./max-rl.js";
import { opo } from "./opo.js";
import { passAtK } from "./pass-at-k.js";
import { policyGradient } from "./policy-gradient.js";
import { reinforcePlusPlus } from "./reinforce-plus-plus.js";
import { rloo } from "./rloo.js";
import { toRows } from "./rows.js";
import { sapo } from "./sapo.js";
import { scoreRows } from "./score-rows.js";
import { wholeUpdate } from "./whole-update.js";

export const algorithms = {
  ...{ drGrpo, rloo, reinforcePlusPlus, gspo, cispo, sapo, gmpo, dppo },
  ...{ opo, maxRl, passAtK, gpg },
  ...{ policyGradient, compareBy, compareSets, toRows, isCurrent, countExactness, scoreRows },
  ...{ createLearningRate, defaultLearningRate, wholeUpdate },
} as const;
