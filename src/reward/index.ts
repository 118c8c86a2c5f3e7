// The public namespace `rewards`: what an answer is worth, as functions of it, and rewards that a trainer gives after the rollouts.
import { f1 } from "./f1.js";
import { judge } from "./judge.js";
import { length } from "./length.js";
import { matches } from "./matches.js";
import { overlong } from "./overlong.js";
import { sameRows } from "./same-rows.js";
import { signals } from "./signals.js";

export const rewards = { matches, f1, sameRows, length, overlong, signals, judge } as const;
