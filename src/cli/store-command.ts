// agl store: serves a store to runners, trainers and dashboards. agl store export, import and prune are beside it.
import { Command, Option } from "commander";
import { argumentError } from "../base/check.js";
import { showUrl } from "../base/show-url.js";
import { watchLostAttempts } from "../runner/lost-attempts.js";
import { kMaxInFlight } from "../server/store-api/in-flight.js";
import { serve } from "../server/store-api/serve.js";
import { openStore } from "../store/open-store.js";
import { durationOption, keyOption, lostAfterOption, preparingOption, toInteger } from "./option-values.js";
import { ageOption, pruneCommand, toRetention } from "./prune-command.js";
import { checkFolder } from "./store-file.js";
import { say, watchSignals } from "./terminal.js";
import { exportCommand, importCommand } from "./transfer-commands.js";

export function storeCommand(): Command {
  return new Command("store")
    .description(
      "serve a store over HTTP: the 0.3 routes, OTLP traces and the 1.0 gateway, until SIGINT or SIGTERM",
    )
    .option("--store <url>", "where it keeps things: memory:, sqlite:PATH or postgres://...; default memory:")
    .addOption(new Option("--url <url>", "the former name of --store").hideHelp())
    .option("--host <host>", "address to listen on; one that other machines reach needs a key", "127.0.0.1")
    .option("--port <port>", "0: any that is free", toInteger(0), 4747)
    .addOption(keyOption())
    .addOption(new Option("--read-key <key...>", "keys of those who may only read").env("AGL_READ_KEY"))
    .option("--cors-origin <origin...>", "web pages that may ask, as https://host")
    .option(
      "--max-in-flight <n>",
      "requests worked on at once; more are told to come back",
      toInteger(1),
      kMaxInFlight,
    )
    .addOption(preparingOption())
    .option("--gateway-model <name>", "the model that calls of the 1.0 gateway go to", "default")
    .addOption(lostAfterOption("runners"))
    .addOption(
      durationOption(
        "--store-timeout <seconds>",
        "for a database that is away to come back, before a request fails",
        10,
        0.1,
      ),
    )
    .addOption(
      ageOption(
        "--forget-after <duration>",
        "rollouts that ended longer ago are forgotten, as 90s, 30m, 12h or 7d",
      ),
    )
    .option("--keep <n>", "the newest so many that have ended are kept, others are forgotten", toInteger(0))
    .action(serveStore)
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(pruneCommand());
}

// --- internal ---

interface StoreCommandOptions {
  readonly store?: string;
  readonly url?: string;
  readonly host: string;
  readonly port: number;
  readonly key?: string;
  readonly readKey?: string | readonly string[];
  readonly corsOrigin?: readonly string[];
  readonly maxInFlight: number;
  readonly preparingSeconds: number;
  readonly gatewayModel: string;
  readonly lostAfter: number;
  readonly storeTimeout: number;
  readonly forgetAfter?: number;
  readonly keep?: number;
}

async function serveStore(options: StoreCommandOptions): Promise<void> {
  const url = toUrl(options);
  const { host, port, key, corsOrigin, maxInFlight, preparingSeconds, lostAfter } = options;
  const retention = toRetention(options.forgetAfter, options.keep);
  const signals = watchSignals();
  checkFolder("store", url);
  await using store = await openStore(url, {
    preparingSeconds,
    ...(/^(postgres|http)/.test(url) ? { timeoutMs: options.storeTimeout } : {}),
  });
  const server = await serve({
    ...{ store, host, port, maxInFlight },
    ...(key === undefined ? {} : { key }),
    readKeys: [options.readKey ?? []].flat(),
    ...(corsOrigin === undefined ? {} : { corsOrigins: corsOrigin }),
    onError: (error) =>
      say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    ...(retention === null ? {} : { retention }),
    gateway: { modelName: options.gatewayModel },
  });
  const unwatch = watchLostAttempts({
    ...{ store, lostAfterMs: lostAfter },
    onLost: (rolloutId, workerId) => say(`rollout ${rolloutId}: its runner ${workerId} is gone`),
    onError: (error) => say(`cannot look for lost attempts: ${String(error)}`),
  });
  say(`store ${showUrl(url)} at ${server.url}`);
  await aborted(signals.first);
  say("closing");
  unwatch();
  await server.close();
  signals.close();
}

function toUrl({ store, url }: StoreCommandOptions): string {
  if (store !== undefined && url !== undefined)
    throw argumentError("store", "--store or its former name --url", "both");
  return store ?? url ?? "memory:";
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
