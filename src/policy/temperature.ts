// What logits are divided by, as callers give it.
import { argumentError, checkNumber } from "../base/check.js";

/**
 * @returns the temperature, default 1; 0 is greedy where tokens are drawn, and stands for 1 where they are scored (Law 1)
 * @throws E_ARGUMENT unless it is 0 or from 1e-6 to 1e6: beyond, float32 logits would overflow
 */
export function checkTemperature(who: string, temperature: number | undefined): number {
  const checked = checkNumber(who, "temperature", temperature ?? 1, { min: 0, max: 1e6 });
  if (checked !== 0 && checked < 1e-6)
    throw argumentError(who, "temperature to be 0 (greedy) or at least 1e-6", checked);
  return checked;
}
