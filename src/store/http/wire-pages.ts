// Pages of records on the wire.
import * as wire from "./wire-records.js";
import { spanSchema } from "./wire-span.js";

export const kPages = {
  rollouts: wire.pageSchema(wire.anyRolloutSchema),
  attempts: wire.pageSchema(wire.attemptSchema),
  spans: wire.pageSchema(spanSchema),
  resources: wire.pageSchema(wire.resourcesUpdateSchema),
  workers: wire.pageSchema(wire.workerSchema),
} as const;
