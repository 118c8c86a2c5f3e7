// What opening schema nodes gives: the contract of those who go on from a node to what it allows.
import type { Alternative } from "./alternatives.js";
import type { SchemaNode } from "./schema-document.js";

export interface Opener {
  /** What all of the nodes allow. @throws E_ARGUMENT for what cannot be enforced */
  all(nodes: readonly SchemaNode[]): readonly Alternative[];
  /** A key that is equal for nodes that say the same; empty when they say nothing. */
  key(nodes: readonly SchemaNode[]): string;
  /** Shows for every oneOf met so far that its branches share no value. @throws E_ARGUMENT for those of which that is not shown */
  settle(): void;
}
