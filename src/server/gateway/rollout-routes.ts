// /api/rollouts: rollouts and their events.
import { answerJson } from "../store-api/answer.js";
import { toEvent } from "./event-spans.js";
import type { GatewayContext } from "./gateway-context.js";
import {
  changesSchema,
  eventSchema,
  eventsQuerySchema,
  type GatewayEvent,
  listQuerySchema,
  newRolloutsSchema,
  terminalQuerySchema,
} from "./gateway-records.js";
import { integer, readBody, readQuery } from "./gateway-request.js";
import { gatewayIdOf, toGatewayRollout } from "./rollout-view.js";
import { toTriplets } from "./triplets.js";

export function mountRolloutRoutes({ app, book, maxBodyBytes }: GatewayContext): void {
  app.post("/api/rollouts", async (c) => {
    const created = await book.create(await readBody(c, newRolloutsSchema, maxBodyBytes));
    return answerJson(c, 201, created.map(toGatewayRollout));
  });
  app.get("/api/rollouts", async (c) => {
    const state_in = c.req.queries("state_in");
    const query = readQuery({ state_in, limit: integer(c, "limit") }, listQuerySchema);
    return answerJson(c, 200, (await book.list(query.state_in, query.limit)).map(toGatewayRollout));
  });
  app.get("/api/rollouts/terminal", async (c) => {
    const query = readQuery({ after: integer(c, "after"), limit: integer(c, "limit") }, terminalQuerySchema);
    const after = Math.max(query.after, 0);
    const ended = await book.ended();
    const items = ended.slice(after, after + query.limit);
    return answerJson(c, 200, { items, next_after: after + items.length, total_terminal: ended.length });
  });
  app.get("/api/rollouts/:id", async (c) => {
    const rollout = toGatewayRollout(await book.get(c.req.param("id")));
    return answerJson(c, 200, { rollout, attempts: [] });
  });
  app.patch("/api/rollouts/:id", async (c) => {
    const { status } = await readBody(c, changesSchema, maxBodyBytes);
    return answerJson(c, 200, toGatewayRollout(await book.change(c.req.param("id"), status)));
  });
  app.delete("/api/rollouts/:id", async (c) => {
    await book.remove(c.req.param("id"));
    return c.body(null, 204);
  });
}

export function mountEventRoutes({ app, store, book, maxBodyBytes, record }: GatewayContext): void {
  app.post("/api/rollouts/:id/attempt/:attempt/events", async (c) => {
    const { event_type, data } = await readBody(c, eventSchema, maxBodyBytes);
    const rollout = await book.get(c.req.param("id"));
    const event: GatewayEvent = {
      event_type,
      rollout_id: gatewayIdOf(rollout),
      attempt_id: c.req.param("attempt"),
      timestamp: Date.now() / 1000,
      data,
    };
    await record(rollout, event);
    return answerJson(c, 200, event);
  });
  app.get("/api/rollouts/:id/events", async (c) => {
    const given = { event_type: c.req.query("event_type"), format: c.req.query("format") };
    const query = readQuery(given, eventsQuerySchema);
    const rollout = await book.get(c.req.param("id"));
    const { items } = await store.querySpans(rollout.rolloutId);
    const events = items.map((span) => toEvent(span, gatewayIdOf(rollout)));
    const wanted = events.filter(
      ({ event_type }) => query.event_type === undefined || event_type === query.event_type,
    );
    return answerJson(c, 200, query.format === "triplet" ? toTriplets(wanted) : wanted);
  });
}
