// The public table `credit`. A rule of your own is a function like what these give: Credit.
import { broadcast } from "./broadcast.js";
import { discounted } from "./discounted.js";
import { gigpo } from "./gigpo.js";
import { perAgent } from "./per-agent.js";
import { turnLevel } from "./turn-level.js";

export const credit = { broadcast, discounted, gigpo, turnLevel, perAgent } as const;
