// What `policy.constrain` gives: handed to `policy.sample` as it is, by as many samples at once as there are.

/** Made by one policy, and of use to that one alone. Kept while the policy is open, and by whoever holds it. */
export interface Constraint {
  /** Of memory that it takes, shared parts included. */
  readonly bytes: number;
}
