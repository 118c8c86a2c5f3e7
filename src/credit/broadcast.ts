// Rollout-level credit: one advantage for each rollout, the same for all its rows. A rollout counts once in its group, however many
// rows it has (Agent Lightning 1.0; counting rows instead is the bias that it fixed).
import { argumentError } from "../base/check.js";

/** A row and what its rollout earned above its siblings. */
export interface CreditedRow<Row> {
  readonly row: Row;
  readonly advantage: number;
}

/**
 * @param rows_G  rows of each of G rollouts; a rollout without rows vanishes
 * @param advantages_G  one for each rollout, in the same order
 * @returns rows in order, rollout by rollout
 * @throws E_ARGUMENT when the lengths differ
 */
export function broadcast<Row>(
  rows_G: readonly (readonly Row[])[],
  advantages_G: ArrayLike<number>,
): CreditedRow<Row>[] {
  if (rows_G.length !== advantages_G.length)
    throw argumentError(
      "broadcast",
      `one advantage for each of ${rows_G.length} rollouts`,
      advantages_G.length,
    );
  return rows_G.flatMap((rows, i) => rows.map((row) => ({ row, advantage: advantages_G[i] ?? Number.NaN })));
}
