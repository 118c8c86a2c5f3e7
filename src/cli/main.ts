#!/usr/bin/env node
// The command `agl`. What goes wrong is one line on stderr: exit code 2 for wrong arguments, 1 for all else.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { LightningError } from "../base/error.js";
import { buildCommand } from "./build-command.js";
import { runnerCommand } from "./runner-command.js";
import { serveCommand } from "./serve-command.js";
import { storeCommand } from "./store-command.js";
import { say } from "./terminal.js";

process.exitCode = await main(process.argv.slice(2));

// --- internal ---

async function main(args: readonly string[]): Promise<number> {
  const program = new Command("agl")
    .description(
      "Agent Lightning: stores, runners and what they share, trained policies, and the native build",
    )
    .version(version())
    .exitOverride()
    .addCommand(storeCommand())
    .addCommand(runnerCommand())
    .addCommand(serveCommand())
    .addCommand(buildCommand());
  // An option after a subcommand's name is the subcommand's, though its parent has one of that name.
  for (const command of allOf(program))
    command.enablePositionalOptions().exitOverride().showHelpAfterError("(see --help)");
  // A reader that has seen enough, such as head, is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    // commander has said what is wrong, or shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof LightningError)) throw error;
    say(`agl: ${error.message}`);
    return error.code === "E_ARGUMENT" ? 2 : 1;
  }
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { readonly version: unknown }).version);
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}
