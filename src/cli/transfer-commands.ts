// agl store export and agl store import.
import { once } from "node:events";
import { constants, createReadStream } from "node:fs";
import { access, stat } from "node:fs/promises";
import { Command } from "commander";
import { argumentError } from "../base/check.js";
import { openStore } from "../store/open-store.js";
import { exportLines, importLines } from "../store/transfer.js";
import { addClientKey, type ClientKeyOptions, toClientKey } from "./key-options.js";
import { storeOption } from "./option-values.js";
import { checkThere, isReadOnly } from "./store-file.js";
import { say, watchSignals } from "./terminal.js";

export function exportCommand(): Command {
  const command = new Command("export")
    .description("write all of a store to standard output, one record a line")
    .addOption(storeOption());
  return addClientKey(command).action(
    async ({ store: url, ...key }: { readonly store: string } & ClientKeyOptions) => {
      await checkThere("store export", url);
      await using store = await openStore(url, { ...toClientKey(key), readOnly: isReadOnly(url) });
      for await (const line of exportLines(store))
        if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
    },
  );
}

export function importCommand(): Command {
  return new Command("import")
    .description("add the records of an export to a store that knows none of them")
    .addOption(storeOption())
    .argument("<file>", "what agl store export wrote")
    .action(async (file: string, { store: url }: { readonly store: string }) => {
      await checkReadable(file);
      await using store = await openStore(url);
      const signals = watchSignals();
      const counts = await importLines(store, () => linesOf(file), signals.first);
      signals.close();
      const { resources, rollouts, spans, workers } = counts;
      say(
        `imported ${rollouts} rollouts, ${spans} spans, ${resources} versions of resources, ${workers} workers`,
      );
    });
}

// --- internal ---

/** What fails while it is read is thrown here. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of createReadStream(file, "utf8") as AsyncIterable<string>) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/, "");
  }
  if (rest !== "") yield rest;
}

/** A pipe cannot be read twice. */
async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    throw argumentError("store import", `a file that can be read (${(error as Error).message})`, file);
  }
  if (!(await stat(file)).isFile()) throw argumentError("store import", "a file", file);
}
