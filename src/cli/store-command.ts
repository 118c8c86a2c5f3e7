// agl store: serves a store to runners, trainers and dashboards. agl store export, import and prune are beside it.
import { Command, Option } from "commander";
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { showUrl } from "../base/show-url.js";
import { watchLostAttempts } from "../runner/lost-attempts.js";
import { kMaxInFlight } from "../server/http/in-flight.js";
import type { Log } from "../server/store-api/log-record.js";
import { type StoreServer, serve } from "../server/store-api/serve.js";
import { openStore } from "../store/open-store.js";
import { addServerKeys, type ServerKeyOptions, toServerKeys } from "./key-options.js";
import { createLog, type LogOptions, logOptions } from "./log.js";
import { durationOption, lostAfterOption, preparingOption, toInteger } from "./option-values.js";
import { ageOption, pruneCommand, toRetention } from "./prune-command.js";
import { checkFolder } from "./store-file.js";
import { say, watchSignals } from "./terminal.js";
import { exportCommand, importCommand } from "./transfer-commands.js";

export function storeCommand(): Command {
  const command = new Command("store")
    .description(
      "serve a store over HTTP: the 0.3 routes, OTLP traces and the 1.0 gateway, until SIGINT or SIGTERM",
    )
    .option("--store <url>", "where it keeps things: memory:, sqlite:PATH or postgres://...; default memory:")
    .addOption(new Option("--url <url>", "the former name of --store").hideHelp())
    .option("--host <host>", "address to listen on; one that other machines reach needs a key", "127.0.0.1")
    .option("--port <port>", "0: any that is free", toInteger(0), 4747);
  addServerKeys(command)
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
    .option("--keep <n>", "the newest so many that have ended are kept, others are forgotten", toInteger(0));
  for (const option of logOptions()) command.addOption(option);
  return command
    .option("--access-log", "each request is told, at level info", false)
    .action(serveStore)
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(pruneCommand());
}

// --- internal ---

interface StoreCommandOptions extends ServerKeyOptions, LogOptions {
  readonly store?: string;
  readonly url?: string;
  readonly host: string;
  readonly port: number;
  readonly corsOrigin?: readonly string[];
  readonly maxInFlight: number;
  readonly preparingSeconds: number;
  readonly gatewayModel: string;
  readonly lostAfter: number;
  readonly storeTimeout: number;
  readonly forgetAfter?: number;
  readonly keep?: number;
  readonly accessLog: boolean;
}

async function serveStore(options: StoreCommandOptions): Promise<void> {
  const url = toUrl(options);
  const { host, port, corsOrigin, maxInFlight, preparingSeconds, lostAfter, accessLog } = options;
  const retention = toRetention(options.forgetAfter, options.keep);
  const log = createLog(options, say);
  const keys = toServerKeys(options);
  const signals = watchSignals();
  checkFolder("store", url);
  await using store = await openStore(url, {
    preparingSeconds,
    ...(/^(postgres|http)/.test(url) ? { timeoutMs: options.storeTimeout } : {}),
  });
  const server = await serve({
    ...{ store, host, port, maxInFlight, ...keys, accessLog, onLog: log },
    ...(corsOrigin === undefined ? {} : { corsOrigins: corsOrigin }),
    ...(retention === null ? {} : { retention }),
    gateway: { modelName: options.gatewayModel },
  });
  const unwatch = watchLostAttempts({
    ...{ store, lostAfterMs: lostAfter },
    onLost: (rolloutId, workerId) =>
      log({ level: "warn", message: `rollout ${rolloutId}: its runner ${workerId} is gone`, rolloutId }),
    onError: (error) => log({ level: "error", message: `cannot look for lost attempts: ${String(error)}` }),
  });
  const onHangup = () => readKeysAgain(server, options, log);
  process.on("SIGHUP", onHangup);
  log({ level: "info", message: `store ${showUrl(url)} at ${server.url}` });
  await aborted(signals.first);
  log({ level: "info", message: "closing" });
  process.off("SIGHUP", onHangup);
  unwatch();
  await server.close();
  signals.close();
}

/** Of files that are wrong the keys stay what they were. */
function readKeysAgain(server: StoreServer, options: StoreCommandOptions, log: Log): void {
  try {
    const keys = toServerKeys(options);
    server.setKeys(keys);
    const message = `keys were read again: ${keys.key.length}, and ${keys.readKeys.length} that only read`;
    log({ level: "info", message });
  } catch (error) {
    if (!(error instanceof LightningError)) throw error;
    log({ level: "error", message: `the keys stay what they were: ${error.message}` });
  }
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
