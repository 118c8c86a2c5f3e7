// /api/rollouts: rollouts and their events.
import { wallClock } from "../../base/clock.js";
import { answerJson } from "../http/answer.js";
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

export function mountRolloutRoutes({ app, book, events, maxBodyBytes }: GatewayContext): void {
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
    return answerJson(c, 200, await book.ended(query.after, query.limit));
  });
  app.get("/api/rollouts/:id", async (c) => {
    const rollout = await book.get(c.req.param("id"));
    const attempts = await events.attemptsOf(rollout);
    return answerJson(c, 200, { rollout: toGatewayRollout(rollout), attempts });
  });
  app.patch("/api/rollouts/:id", async (c) => {
    const { status } = await readBody(c, changesSchema, maxBodyBytes);
    const id = c.req.param("id");
    const rollout = status ? await book.change(id, status) : await book.get(id);
    if (status?.state === "running") await events.settle(id);
    return answerJson(c, 200, toGatewayRollout(rollout));
  });
  app.delete("/api/rollouts/:id", async (c) => {
    await book.remove(c.req.param("id"));
    return c.body(null, 204);
  });
}

export function mountEventRoutes({ app, book, events, maxBodyBytes }: GatewayContext): void {
  app.post("/api/rollouts/:id/attempt/:attempt/events", async (c) => {
    const { event_type, data } = await readBody(c, eventSchema, maxBodyBytes);
    const rollout = await book.get(c.req.param("id"));
    const event: GatewayEvent = {
      event_type,
      rollout_id: gatewayIdOf(rollout),
      attempt_id: c.req.param("attempt"),
      timestamp: wallClock.now() / 1000,
      data,
    };
    await events.record(event.rollout_id, event);
    return answerJson(c, 200, event);
  });
  app.get("/api/rollouts/:id/events", async (c) => {
    const given = { event_type: c.req.query("event_type"), format: c.req.query("format") };
    const query = readQuery(given, eventsQuerySchema);
    const rollout = await book.get(c.req.param("id"));
    const wanted = (await events.of(rollout)).filter(
      ({ event_type }) => query.event_type === undefined || event_type === query.event_type,
    );
    return answerJson(c, 200, query.format === "triplet" ? toTriplets(wanted) : wanted);
  });
}
