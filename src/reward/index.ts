// The public namespace `rewards`: what an answer is worth, as functions of it.
import { f1 } from "./f1.js";
import { length } from "./length.js";
import { matches } from "./matches.js";
import { overlong } from "./overlong.js";
import { sameRows } from "./same-rows.js";

export const rewards = { matches, f1, sameRows, length, overlong } as const;
