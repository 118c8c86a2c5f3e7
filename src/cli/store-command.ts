// agl store: serves a store to runners, trainers and dashboards. agl store export, agl store import: a store as a file of lines.
import { Command } from "commander";
import { watchLostAttempts } from "../runner/lost-attempts.js";
import { kMaxInFlight } from "../server/store-api/in-flight.js";
import { serve } from "../server/store-api/serve.js";
import { openStore } from "../store/open-store.js";
import { keyOption, lostAfterOption, preparingOption, toInteger } from "./option-values.js";
import { say, watchSignals } from "./terminal.js";
import { exportCommand, importCommand } from "./transfer-commands.js";

export function storeCommand(): Command {
  return new Command("store")
    .description(
      "serve a store over HTTP: the 0.3 routes, OTLP traces and the 1.0 gateway, until SIGINT or SIGTERM",
    )
    .option("--url <url>", "where it keeps things: memory:, sqlite:PATH or postgres://...", "memory:")
    .option("--host <host>", "address to listen on; one that other machines reach needs a key", "127.0.0.1")
    .option("--port <port>", "0: any that is free", toInteger(0), 4747)
    .addOption(keyOption())
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
    .action(serveStore)
    .addCommand(exportCommand())
    .addCommand(importCommand());
}

// --- internal ---

interface StoreCommandOptions {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly key?: string;
  readonly corsOrigin?: readonly string[];
  readonly maxInFlight: number;
  readonly preparingSeconds: number;
  readonly gatewayModel: string;
  readonly lostAfter: number;
}

async function serveStore(options: StoreCommandOptions): Promise<void> {
  const { url, host, port, key, corsOrigin, maxInFlight, preparingSeconds, lostAfter } = options;
  const signals = watchSignals();
  await using store = await openStore(url, { preparingSeconds });
  const server = await serve({
    ...{ store, host, port, maxInFlight },
    ...(key === undefined ? {} : { key }),
    ...(corsOrigin === undefined ? {} : { corsOrigins: corsOrigin }),
    onError: (error) =>
      say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    gateway: { modelName: options.gatewayModel },
  });
  const unwatch = watchLostAttempts({
    ...{ store, lostAfterMs: lostAfter },
    onLost: (rolloutId, workerId) => say(`rollout ${rolloutId}: its runner ${workerId} is gone`),
    onError: (error) => say(`cannot look for lost attempts: ${String(error)}`),
  });
  say(`store ${url.replace(/:\/\/.*@/, "://")} at ${server.url}`);
  await aborted(signals.first);
  say("closing");
  unwatch();
  await server.close();
  signals.close();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
