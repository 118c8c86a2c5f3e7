// agl runner: runs an agent on the rollouts of a store, as many at once as it is told, until SIGINT or SIGTERM.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { Command } from "commander";
import { loadAgent, loadRedact } from "../runner/agent-module.js";
import { createInProcessRun } from "../runner/run-in-process.js";
import { createIsolatedRun } from "../runner/run-isolated.js";
import { runRunner } from "../runner/runner.js";
import { openStore } from "../store/open-store.js";
import { addClientKey, type ClientKeyOptions, toClientKey } from "./key-options.js";
import { durationOption, lostAfterOption, preparingOption, storeOption, toInteger } from "./option-values.js";
import { say, watchSignals } from "./terminal.js";

export function runnerCommand(): Command {
  const command = new Command("runner").description(
    'run an agent on the rollouts of a store; its model calls go to the rollout\'s model resource, such as a trainer with runners: "queue", else to their provider; SIGTERM finishes what runs, a second one cancels it',
  );
  return addClientKey(command.addOption(storeOption()))
    .requiredOption(
      "--agent <file>",
      "a module whose export `agent`, or default, is the agent; its export `redact` sees what leaves the process",
    )
    .option("--concurrency <n>", "rollouts at once", toInteger(1), 1)
    .option("--isolate", "each rollout in a process of its own, which can be killed", false)
    .option("--id <name>", "the worker's id; default made of host and process")
    .addOption(durationOption("--heartbeat <seconds>", "between two signs of life", 5, 0.01))
    .addOption(durationOption("--timeout <seconds>", "of rollouts without one of their own; 0: none", 3600))
    .addOption(durationOption("--grace <seconds>", "for agents to stop when told", 5))
    .addOption(lostAfterOption("other runners"))
    .addOption(preparingOption("; a store over HTTP has its server's"))
    .action(runAgent);
}

// --- internal ---

interface RunnerCommandOptions extends ClientKeyOptions {
  readonly store: string;
  readonly agent: string;
  readonly concurrency: number;
  readonly isolate: boolean;
  readonly id?: string;
  readonly heartbeat: number;
  readonly timeout: number;
  readonly grace: number;
  readonly lostAfter: number;
  readonly preparingSeconds: number;
}

async function runAgent(options: RunnerCommandOptions): Promise<void> {
  const agentPath = resolve(options.agent);
  // Also where each rollout loads it anew: a wrong path must not fail one rollout after the other.
  const agent = await loadAgent(agentPath);
  const graceMs = options.grace;
  const run = options.isolate
    ? createIsolatedRun({ agentPath, graceMs })
    : createInProcessRun(agent, {
        ...{ graceMs, redact: await loadRedact(agentPath) },
        onAbandoned: (rolloutId) =>
          say(`rollout ${rolloutId}: its agent goes on after its end; --isolate can stop it`),
      });
  const workerId = options.id ?? `${hostname()}-${process.pid}-${randomBytes(2).toString("hex")}`;
  const signals = watchSignals();
  const { preparingSeconds } = options;
  const store = await openStore(options.store, { preparingSeconds, ...toClientKey(options) });
  signals.first.addEventListener("abort", () => say("finishing what runs; once more to cancel it"), {
    once: true,
  });
  say(`runner ${workerId}: ${options.concurrency} at once`);
  const report = await runRunner({
    ...{ store, workerId, run, concurrency: options.concurrency },
    ...{ drain: signals.first, stop: signals.second, onEvent: say },
    ...{ heartbeatMs: options.heartbeat, lostAfterMs: options.lostAfter },
    timeoutMs: options.timeout === 0 ? null : options.timeout,
  });
  await store.close();
  say(`runner ${workerId}: ${report.succeeded} succeeded, ${report.failed} failed`);
  // An agent that was given up must not keep the process.
  process.exit(signals.second.aborted ? 1 : 0);
}
