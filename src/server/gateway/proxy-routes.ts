// /api/models and /proxy: the model servers, and the calls that go to them.
import { wallClock } from "../../base/clock.js";
import { answerJson } from "../http/answer.js";
import { ApiError } from "../http/api-error.js";
import type { GatewayContext } from "./gateway-context.js";
import { modelsSchema, pauseSchema } from "./gateway-records.js";
import { readBody, readObject } from "./gateway-request.js";

export function mountProxyRoutes(context: GatewayContext): void {
  const { app, models, proxy, maxBodyBytes } = context;
  app.post("/api/models", async (c) => {
    const given = await readBody(c, modelsSchema, maxBodyBytes);
    await models.put(given);
    return answerJson(c, 201, given);
  });
  app.delete("/api/models", async (c) => {
    await models.clear();
    return answerJson(c, 200, { status: "ok" });
  });

  app.get("/proxy/state", (c) => answerJson(c, 200, proxy.state()));
  app.post("/proxy/pause", async (c) => {
    const { retry_after_seconds, reason } = await readBody(c, pauseSchema, maxBodyBytes);
    proxy.pause(retry_after_seconds, reason);
    return answerJson(c, 200, proxy.state());
  });
  app.post("/proxy/resume", (c) => {
    proxy.resume();
    return answerJson(c, 200, proxy.state());
  });
  mountCalls(context);
}

// --- internal ---

function mountCalls({ app, book, events, proxy, maxBodyBytes }: GatewayContext): void {
  app.post("/proxy/rollout/:id/attempt/:attempt/mode/:mode/openai/v1/:path{.+}", async (c) => {
    const { id, attempt, mode, path } = c.req.param();
    if (mode !== "train" && mode !== "val")
      throw new ApiError(404, `Unsupported proxy mode: ${mode}`, "E_NOT_FOUND");
    if (path !== "chat/completions" && path !== "completions")
      throw new ApiError(404, `Unsupported upstream path: ${path}`, "E_NOT_FOUND");
    const refusal = proxy.refusal();
    if (refusal !== undefined) return refusal;
    await book.get(id);
    const json = await readObject(c, maxBodyBytes);
    return proxy.call({
      ...{ rolloutId: id, mode, path, body: json, signal: c.req.raw.signal },
      record: (data) =>
        events.recordLate(id, {
          event_type: "model_request",
          ...{ rollout_id: id, attempt_id: attempt, timestamp: wallClock.now() / 1000 },
          data: { ...data },
        }),
    });
  });
}
