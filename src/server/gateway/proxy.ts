// The gateway's model proxy: forwards the calls of a rollout's agent to a registered server and records each as an event.
// The trainer's model name and temperature replace what the agent asked for; streaming is refused.

import { performance } from "../../base/clock.js";
import { textWithoutCredentials, withoutCredentials } from "../../base/credentials.js";
import { givenOptions } from "../../base/options.js";
import { writeSpelled } from "../../base/spelled-integers.js";
import { ApiError } from "../http/api-error.js";
import { forwardCall } from "./forward-call.js";
import type { GatewayModel } from "./gateway-records.js";
import { finishReasonOf, type ModelRequestData, usageOf } from "./model-request.js";
import type { ModelTable } from "./model-table.js";

export interface ProxyOptions {
  /** The model that every call goes to. Default "default". */
  readonly modelName?: string;
  /** Ask for log-probabilities in training. Default true. */
  readonly includeLogProbs?: boolean;
  /** Default 1. */
  readonly trainTemperature?: number;
  /** Default 0.7. */
  readonly valTemperature?: number;
  /** Of one try. Default 300,000. */
  readonly timeoutMs?: number;
  /** Default 6. */
  readonly maxTries?: number;
  /** Default 500. */
  readonly retryDelayMs?: number;
  /** Of a server's answer. Default 64 MiB. */
  readonly maxAnswerBytes?: number;
  /** Calls under way; more are told to come again. Default 4096. */
  readonly maxInflight?: number;
}

export interface ProxyCall {
  /** As the gateway's clients know it. */
  readonly rolloutId: string;
  readonly mode: "train" | "val";
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  record(data: ModelRequestData): Promise<void>;
}

export class ModelProxy {
  readonly #models: ModelTable;
  readonly #options: Required<ProxyOptions>;
  #inflight = 0;
  #pause: { readonly reason: string | null } | undefined;
  #retryAfterSeconds = 5;

  constructor(models: ModelTable, options: ProxyOptions) {
    this.#models = models;
    this.#options = { ...kDefaults, ...givenOptions(options) };
  }

  state() {
    return {
      paused: this.#pause !== undefined,
      retry_after_seconds: this.#retryAfterSeconds,
      reason: this.#pause?.reason ?? null,
      inflight: this.#inflight,
    };
  }

  pause(retryAfterSeconds: number, reason: string | null): void {
    this.#pause = { reason };
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  resume(): void {
    this.#pause = undefined;
  }

  /** Why no call is taken now; undefined when they are. */
  refusal(): Response | undefined {
    const paused = this.pauseRefusal();
    if (paused !== undefined) return paused;
    if (this.#inflight < this.#options.maxInflight) return undefined;
    return Response.json({ error: "gateway busy" }, { status: 429, headers: { "retry-after": "1" } });
  }

  /** Undefined while no pause was asked for. */
  pauseRefusal(): Response | undefined {
    if (this.#pause === undefined) return undefined;
    const headers = { "retry-after": String(this.#retryAfterSeconds), "x-agl-paused": "true" };
    return Response.json({ error: "gateway paused", reason: this.#pause.reason }, { status: 429, headers });
  }

  /** @throws ApiError 400, 503 */
  async call(call: ProxyCall): Promise<Response> {
    const { modelName } = this.#options;
    if (call.body.stream) throw new ApiError(400, "Streaming responses are not supported");
    const server = await this.#models.pick(modelName, call.rolloutId);
    if (server === undefined)
      throw new ApiError(503, `No servers available for model '${modelName}'`, "E_STATE");
    this.#inflight++;
    try {
      return await this.#forward(call, server);
    } finally {
      this.#inflight--;
    }
  }

  async #forward(call: ProxyCall, server: GatewayModel): Promise<Response> {
    const { includeLogProbs, trainTemperature, valTemperature, ...limits } = this.#options;
    const request = {
      ...call.body,
      model: server.model,
      temperature: call.mode === "train" ? trainTemperature : valTemperature,
      return_token_ids: true,
      ...(call.mode === "train" && includeLogProbs ? { logprobs: true } : {}),
    };
    const began = performance.now();
    const url = `${server.endpoint.replace(/\/+$/, "")}/${call.path}`;
    const report = await forwardCall({ ...limits, url, body: request, signal: call.signal });
    await call.record({
      model: server.model,
      model_version: server.version,
      request: withoutCredentials(request) as typeof request,
      response: withoutCredentials(report.answer),
      server: {
        model: server.model,
        endpoint: textWithoutCredentials(server.endpoint),
        version: server.version,
      },
      latency_ms: performance.now() - began,
      http_status: report.upstreamStatus,
      status: report.status < 400 ? "ok" : "error",
      retry_count: report.retries,
      usage: usageOf(report.answer),
      finish_reason: finishReasonOf(report.answer),
    });
    const headers = { "content-type": report.type };
    const body = typeof report.answer === "string" ? report.answer : writeSpelled(report.answer);
    return new Response(body, { status: report.status, headers });
  }
}

// --- internal ---

const kDefaults: Required<ProxyOptions> = {
  modelName: "default",
  includeLogProbs: true,
  trainTemperature: 1,
  valTemperature: 0.7,
  timeoutMs: 300_000,
  maxTries: 6,
  retryDelayMs: 500,
  maxAnswerBytes: 64 << 20,
  maxInflight: 4096,
};
