// agl store prune: forgets rollouts that ended long ago.
import { Command, InvalidArgumentError, Option } from "commander";
import { argumentError } from "../base/check.js";
import { openStore } from "../store/open-store.js";
import { pruneRollouts, type Retention } from "../store/prune.js";
import { addClientKey, type ClientKeyOptions, toClientKey } from "./key-options.js";
import { storeOption, toInteger } from "./option-values.js";
import { checkThere } from "./store-file.js";
import { say } from "./terminal.js";

export function pruneCommand(): Command {
  const command = new Command("prune").description(
    "forget rollouts that have ended, with their attempts and spans, beyond all limits that are given",
  );
  return addClientKey(command.addOption(storeOption()))
    .addOption(ageOption("--older-than <duration>", "those that ended longer ago, as 90s, 30m, 12h or 7d"))
    .option("--keep <n>", "all but the newest so many", toInteger(0))
    .action(async (options: PruneOptions) => {
      const retention = toRetention(options.olderThan, options.keep);
      if (retention === null)
        throw argumentError(
          "store prune",
          "--older-than or --keep",
          "neither",
          "it would forget all that ended",
        );
      await checkThere("store prune", options.store);
      await using store = await openStore(options.store, toClientKey(options));
      say(`forgot ${await pruneRollouts(store, retention)} rollouts`);
    });
}

/** Its value is in seconds. */
export function ageOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(toSeconds);
}

/** Null: no limit was given. */
export function toRetention(
  olderThanSeconds: number | undefined,
  keep: number | undefined,
): Retention | null {
  if (olderThanSeconds === undefined && keep === undefined) return null;
  return {
    ...(olderThanSeconds === undefined ? {} : { olderThanSeconds }),
    ...(keep === undefined ? {} : { keep }),
  };
}

// --- internal ---

interface PruneOptions extends ClientKeyOptions {
  readonly store: string;
  readonly olderThan?: number;
  readonly keep?: number;
}

const kUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function toSeconds(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (kUnits[unit] ?? Number.NaN);
  if (number !== "" && Number.isFinite(seconds)) return seconds;
  throw new InvalidArgumentError("expected a number with its unit, as 90s, 30m, 12h or 7d");
}
