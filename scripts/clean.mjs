// npm run clean: removes everything the builds made.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./command.mjs";

for (const folder of ["dist", "build", "prebuilds"])
  rmSync(join(root, folder), { recursive: true, force: true });
