// A trainer's socket: the calls of its rollouts, and its store with the gateway, at one port.
import type { ServedRollouts } from "../server/calls/rollout-calls.js";
import { serveRollouts } from "../server/store-api/serve.js";
import type { LightningStore } from "../store/store.js";
import { findRollout } from "../tracing/live-rollouts.js";
import { createRolloutKeys } from "../tracing/rollout-keys.js";
import { toSocketEndpoint } from "../tracing/rollout-name.js";
import type { RolloutEndpoint } from "../types/agent.js";
import type { RolloutName } from "./rollouts/batch-rollout.js";
import type { ListeningAt, ListenOptions } from "./trainer.js";

export interface TrainerSocket {
  /** Rejects with E_STORE when the address cannot be listened on. */
  readonly listening: Promise<ListeningAt>;
  /** What runners call with: it opens the calls and events of its rollouts. Null: none is asked for. */
  readonly callsKey: string | null;
  /** From now on its calls are taken. To be asked once `listening` has resolved. */
  endpointOf(rollout: RolloutName): RolloutEndpoint;
  /** Resolves when what was asked is answered. */
  close(): Promise<void>;
}

/** @param lookUp  whose calls those of other names are */
export function openTrainerSocket(
  options: ListenOptions,
  store: LightningStore,
  lookUp?: ServedRollouts["lookUp"],
): TrainerSocket {
  const { port, host = "127.0.0.1", key } = options;
  const keys = createRolloutKeys(key);
  /** Of this trainer, in this process: others in it have their own, and runners theirs. Oldest first. */
  const opened = new Set<string>();
  const rollouts: ServedRollouts = {
    ...{ ...keys, lookUp },
    find: (rolloutId: string, attemptId: string) =>
      opened.has(nameOf(rolloutId, attemptId)) ? (findRollout(rolloutId, attemptId) ?? "over") : undefined,
  };
  const serving = serveRollouts({ store, port, host, ...(key === undefined ? {} : { key }) }, rollouts);
  let url = "";
  const listening = serving.then((server) => {
    url = toUrl(options, server.port);
    return { url, port: server.port };
  });
  // Who waits for it is told; who never does has nothing to be told of.
  listening.catch(() => undefined);
  return {
    listening,
    callsKey: key === undefined ? null : keys.callsKey,
    endpointOf: (rollout) => {
      opened.add(nameOf(rollout.rolloutId, rollout.attemptId));
      for (const oldest of opened) {
        if (opened.size <= kRemembered) break;
        opened.delete(oldest);
      }
      return toSocketEndpoint({ url, keyOf: keys.keyOf }, rollout);
    },
    close: async () => {
      const [result] = await Promise.allSettled([serving]);
      if (result.status === "fulfilled") await result.value.close();
    },
  };
}

// --- internal ---

/** More than can run, and those that ended lately. */
const kRemembered = 20_000;

function nameOf(rolloutId: string, attemptId: string): string {
  return JSON.stringify([rolloutId, attemptId]);
}

function toUrl({ host = "127.0.0.1", publicUrl }: ListenOptions, port: number): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, "");
  // An address to listen on, which is none to call.
  const called = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${called.includes(":") ? `[${called}]` : called}:${port}`;
}
