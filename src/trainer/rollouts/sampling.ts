// What model calls are sampled with: in training the trainer's, in an evaluation the agent's own.
import type { Sampling } from "../../server/endpoint/answer-call.js";
import type { CallRequest } from "../../types/call-request.js";
import type { Settings } from "../options.js";

export type ToSampling = (request: CallRequest) => Sampling;

/** The trainer's, whatever the agent asks for, but for an answer that it wants shorter. */
export function trainingSampling({ temperature, maxTokens }: Settings): ToSampling {
  return ({ sampling: asked }) => ({
    ...{ temperature, topP: 1, topK: 0, minP: 0 },
    maxTokens: Math.min(maxTokens, asked.maxTokens ?? maxTokens),
  });
}

/** @param temperature  in the place of the agent's; undefined: its own */
export function evaluationSampling(settings: Settings, temperature: number | undefined): ToSampling {
  return ({ sampling: asked }) => ({
    temperature: temperature ?? asked.temperature ?? 1,
    topP: asked.topP ?? 1,
    topK: asked.topK ?? 0,
    minP: asked.minP ?? 0,
    maxTokens: asked.maxTokens ?? settings.validationMaxTokens,
  });
}
