// Who runs a trainer's batches: this process, or runners that take them from the store's queue.
import { LightningError } from "../base/error.js";
import { createOwnTask } from "../runner/own-task.js";
import { installInterception } from "../tracing/interception.js";
import { watchStrays } from "../tracing/strays.js";
import type { Agent } from "../types/agent.js";
import type { QueuedRollouts } from "./queue/queued-rollouts.js";
import { runQueuedBatch } from "./queue/run-queued-batch.js";
import type { RollerParts } from "./roller.js";
import type { BatchContext } from "./rollouts/batch-rollout.js";
import { runBatch } from "./rollouts/run-batch.js";
import type { TrainerSocket } from "./trainer-socket.js";

export interface BatchRunnerParts extends BatchContext {
  /** Absent only where runners have it. */
  readonly agent: Agent<never> | undefined;
  /** Where runners work on its rollouts; absent: this process does. */
  readonly queued: QueuedRollouts | undefined;
  readonly socket: TrainerSocket | undefined;
}

export function createBatchRunner(parts: BatchRunnerParts): Pick<RollerParts, "runBatch" | "watch"> {
  const { agent, queued, socket, ...context } = parts;
  if (queued !== undefined && socket !== undefined) {
    return {
      runBatch: async (requests, options) => {
        const { url } = await socket.listening;
        const address = { url, key: socket.callsKey };
        return runQueuedBatch(context, requests, options, { rollouts: queued, address });
      },
      watch: () => () => undefined,
    };
  }
  if (agent === undefined) throw new LightningError("E_INTERNAL", "createTrainer: the agent was lost");
  const toOwnTask = createOwnTask("createTrainer");
  const here = { ...context, agent, toOwnTask, endpointOf: socket?.endpointOf ?? (() => undefined) };
  return {
    runBatch: (requests, options) => runBatch(here, requests, options),
    watch: () => {
      const watches = [installInterception(), watchStrays()];
      return () => {
        for (const stop of watches) stop();
      };
    },
  };
}
