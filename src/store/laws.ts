// The laws that every LightningStore keeps, run against any implementation by any test runner of vitest's shape.
import { claimLaws } from "./laws/claim-laws.js";
import type { Expect, Law } from "./laws/law.js";
import { preparingLaws } from "./laws/preparing-laws.js";
import { queueLaws } from "./laws/queue-laws.js";
import { randomLaw } from "./laws/random-law.js";
import { retentionLaws } from "./laws/retention-laws.js";
import { spanLaws } from "./laws/span-laws.js";
import { timeLaws } from "./laws/time-laws.js";
import type { PreparingOptions } from "./preparing-limit.js";
import type { LightningStore } from "./store.js";

/** The three functions of a test runner that laws need; vitest's and jest's fit. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
  readonly expect: Expect;
}

/**
 * Declares one test for each law, each on a store of its own.
 * @param open  an empty store with these options; it is closed after the test
 */
export function storeLaws(
  name: string,
  open: (options: PreparingOptions) => Promise<LightningStore>,
  runner: TestRunner,
): void {
  runner.describe(`${name} keeps the laws of LightningStore`, () => {
    for (const law of kLaws) {
      runner.it(law.name, async () => {
        const store = await open(law.options ?? {});
        try {
          await law.check(store, runner.expect);
        } finally {
          await store.close();
        }
      });
    }
  });
}

// --- internal ---

const kLaws: readonly Law[] = [
  ...queueLaws,
  ...claimLaws,
  ...spanLaws,
  ...timeLaws,
  ...preparingLaws,
  ...retentionLaws,
  randomLaw,
];
