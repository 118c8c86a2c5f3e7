// What the numbers of a term's set are divided by: an option that rules share.
import { checkOneOf } from "../base/check.js";

export type TermScale = "std" | "mean";

export const termScaleNames = { scale: ["mode", "normalize", "norm_adv_by_std"] };

/** @returns "std" where there is none. @throws E_ARGUMENT */
export function checkScale(who: string, scale: TermScale | undefined): TermScale {
  return checkOneOf(who, "scale", scale ?? "std", ["std", "mean"]);
}
