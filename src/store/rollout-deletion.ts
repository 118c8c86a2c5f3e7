// Forgetting rollouts: what a store can besides, where it can.

export interface RolloutDeletion {
  /**
   * Forgets ended rollouts with their attempts and spans, all or none; an id that is not kept is passed over.
   * @throws E_STATE when one has not ended
   */
  deleteRollouts(rolloutIds: readonly string[]): Promise<void>;
}
