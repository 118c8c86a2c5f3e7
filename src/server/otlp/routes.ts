// OTLP over HTTP as routes: traces are received, metrics, logs and profiles refused by name.
import { Hono } from "hono";
import { answerBody } from "../http/answer.js";
import { rpcStatus } from "./protobuf-answer.js";
import type { TraceReceiver } from "./trace-receiver.js";

/** Routes at the server's root: POST /v1/traces, and 501 for the other signals. They throw only what nobody expected. */
export function otlpRoutes(receive: TraceReceiver): Hono {
  const app = new Hono();
  app.post("/v1/traces", async (c) => {
    const { status, headers, body } = await receive(c);
    return answerBody(c, status, headers, body);
  });
  for (const signal of ["metrics", "logs", "development/profiles"])
    app.post(`/v1/${signal}`, (c) => {
      const status = rpcStatus(12, `${signal} are not kept here; send traces to /v1/traces`);
      return answerBody(c, 501, { "content-type": "application/x-protobuf" }, new Uint8Array(status));
    });
  return app;
}
