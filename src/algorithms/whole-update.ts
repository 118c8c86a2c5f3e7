// An update is whole or not at all: gradients of one that failed would enter the next.
import type { Policy } from "../policy/policy.js";

/**
 * Runs forward, backward and step; when one of them rejects, the adapter's gradients are forgotten first. Rejects as they do.
 * @param adapter  undefined is the policy's first
 */
export async function wholeUpdate<T>(
  policy: Policy,
  adapter: string | undefined,
  update: () => Promise<T>,
): Promise<T> {
  try {
    return await update();
  } catch (error) {
    // A policy that cannot forget them is closed, and what failed first is what is told.
    await Promise.allSettled([policy.zeroGradients(adapter)]);
    throw error;
  }
}
