// Where the starting policies lie: made once by the first run that needs them.
import { join } from "node:path";
import { root } from "../../scripts/command.mjs";

export const policyFolder = (task, seed) => join(root, ".agl", "bench", "policies", `${task}-${seed}`);
