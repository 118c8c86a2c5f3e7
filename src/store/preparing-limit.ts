// The one limit of a store's own: how long an attempt may prepare while nobody speaks for it.
import { checkNumber } from "../base/check.js";

/** Unless told otherwise. */
export const kPreparingSeconds = 600;

export interface PreparingOptions {
  /**
   * An attempt that prepares becomes unresponsive when so many seconds went by without a span, a change of it, or its worker's heartbeat:
   * its claimer never got it, or is gone. Only of rollouts without unresponsiveSeconds, which is the limit then. Default 600.
   */
  readonly preparingSeconds?: number;
}

/** @throws E_ARGUMENT */
export function toPreparingSeconds(who: string, options: PreparingOptions): number {
  const { preparingSeconds = kPreparingSeconds } = options;
  return checkNumber(who, "preparingSeconds", preparingSeconds, { min: 0.001 });
}
