// agl serve: a trained policy alone, for whoever asks models by HTTP, until SIGINT or SIGTERM.
import { basename, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { LightningError } from "../base/error.js";
import type { DeviceChoice } from "../policy/engine/devices.js";
import { loadPolicy } from "../policy/load-policy.js";
import { type PolicyServer, servePolicy } from "../server/model-api/serve-policy.js";
import { type AdapterSource, serveAdapters } from "../server/model-api/served-adapters.js";
import { toKeys } from "../server/store-api/keys.js";
import type { Log } from "../server/store-api/log-record.js";
import { addServerKeys, type ServerKeyOptions, toServerKeys } from "./key-options.js";
import { createLog, type LogOptions, logOptions } from "./log.js";
import { toInteger } from "./option-values.js";
import { say, watchSignals } from "./terminal.js";

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("answer model calls with a trained policy, in every dialect, until SIGINT or SIGTERM")
    .requiredOption("--model <folder>", "a Hugging Face model folder; its name is the model's")
    .addOption(
      new Option(
        "--adapter <[name=]folder>",
        "a PEFT folder and its model name, default its own; again for more",
      )
        .argParser(addAdapter)
        .default([], "none"),
    )
    .option("--model-name <name>", "what the model itself is called")
    .option("--any-name", "other model names are answered by the first adapter, or the model", false)
    .option("--host <host>", "address to listen on; one that other machines reach needs a key", "127.0.0.1")
    .option("--port <port>", "0: any that is free", toInteger(0), 8000);
  addServerKeys(command)
    .option("--cors-origin <origin...>", "web pages that may ask, as https://host")
    .option("--max-in-flight <n>", "calls at once; more are told to come back", toInteger(1), 256)
    .option("--context-length <n>", "longest sequence in tokens", toInteger(1))
    .option("--cache-tokens <n>", "tokens whose keys and values are held at once", toInteger(1))
    .option("--threads <n>", "that compute", toInteger(1))
    .option("--device <name>", "cpu, cuda:0 or several; default what there is");
  for (const option of logOptions()) command.addOption(option);
  return command
    .option("--access-log", "each request is told, at level info", false)
    .addHelpText("after", kExamples)
    .action(serveModel);
}

// --- internal ---

const kExamples = `
Examples:
  agl serve --model ./Qwen2.5-0.5B-Instruct --adapter ./adapter
  agl serve --model ./Qwen2.5-0.5B-Instruct --adapter support=./runs/a --adapter sales=./runs/b --port 9000
  agl serve --model ./Qwen2.5-0.5B-Instruct --adapter ./adapter --any-name --host 0.0.0.0 --key-file keys.txt

  curl localhost:8000/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "adapter", "messages": [{"role": "user", "content": "Hello"}]}'
  kill -HUP PID                               adapters whose files changed are read again, streams go on; keys too
  curl -X POST localhost:8000/admin/reload    the same for adapters`;

interface ServeCommandOptions extends ServerKeyOptions, LogOptions {
  readonly model: string;
  readonly adapter: readonly AdapterSource[];
  readonly modelName?: string;
  readonly anyName: boolean;
  readonly host: string;
  readonly port: number;
  readonly corsOrigin?: readonly string[];
  readonly maxInFlight: number;
  readonly contextLength?: number;
  readonly cacheTokens?: number;
  readonly threads?: number;
  readonly device?: string;
  readonly accessLog: boolean;
}

async function serveModel(options: ServeCommandOptions): Promise<void> {
  const { host, port, maxInFlight, accessLog, anyName, contextLength, cacheTokens, threads, device } =
    options;
  const log = createLog(options, say);
  const keys = toKeys(host, toServerKeys(options));
  const signals = watchSignals();
  await using policy = await loadPolicy(options.model, {
    // Calls stand still while an adapter is added, and go on.
    runningSamples: "carry",
    // Never asked: all that is served is added under names of its own.
    adapter: { rank: 1 },
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(cacheTokens === undefined ? {} : { cacheTokens }),
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device: toDevice(device) }),
  });
  const name = options.modelName ?? basename(resolve(options.model));
  const adapters = await serveAdapters({ policy, name, adapters: options.adapter, anyName });
  const server = await servePolicy({
    ...{ policy, adapters, host, port, ...keys, corsOrigins: options.corsOrigin ?? [] },
    ...{ maxBodyBytes: 32 << 20, maxInFlight, log, accessLog },
  });
  const onHangup = () => void readAgain(server, options, log);
  process.on("SIGHUP", onHangup);
  log({ level: "info", message: `${adapters.names.join(", ")} at ${server.url}` });
  await aborted(signals.first);
  log({ level: "info", message: "closing" });
  process.off("SIGHUP", onHangup);
  await server.close();
  signals.close();
}

/** What is wrong stays what it was. */
async function readAgain(server: PolicyServer, options: ServeCommandOptions, log: Log): Promise<void> {
  try {
    server.changeKeys(toKeys(options.host, toServerKeys(options)));
  } catch (error) {
    if (!(error instanceof LightningError)) throw error;
    log({ level: "error", message: `the keys stay what they were: ${error.message}` });
  }
  await server.reload();
}

/** The policy says what is none. */
function toDevice(text: string): DeviceChoice {
  return (text.includes(",") ? text.split(",") : text) as DeviceChoice;
}

function addAdapter(text: string, before: readonly AdapterSource[]): readonly AdapterSource[] {
  const [, name, folder = text] = /^([^=/\\]+)=(.+)$/.exec(text) ?? [];
  if (folder === "") throw new InvalidArgumentError("expected a folder");
  return [...before, { name: name ?? basename(resolve(folder)), folder }];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
