// Routes of rollouts and their attempts.
import { z } from "zod";
import { fromWireAttemptChanges, fromWireWorkerId, toWireAttempt } from "../../store/http/wire-attempts.js";
import { fromWireNewRollout, fromWireRolloutChanges, toWireRollout } from "../../store/http/wire-mapping.js";
import {
  anyRolloutSchema,
  attemptedRolloutSchema,
  attemptSchema,
  changedRolloutsSchema,
  pageSchema,
  rolloutSchema,
} from "../../store/http/wire-records.js";
import {
  attemptChangesSchema,
  attemptQuerySchema,
  changesQuerySchema,
  deletionSchema,
  rolloutChangesSchema,
  rolloutQuerySchema,
  startAttemptSchema,
  startRolloutSchema,
  strictSchema,
} from "../../store/http/wire-requests.js";
import { listingsOf, listOf } from "../../store/listings.js";
import { sortFields } from "../../store/paging.js";
import type { LightningStore } from "../../store/store.js";
import type { AttemptQuery, RolloutQuery } from "../../store/store-records.js";
import type { Rollout } from "../../types/rollout.js";
import { kHidden } from "../gateway/hidden.js";
import { emptyPage, lenient, refuseNull, toQuery } from "./queries.js";
import { defineRoute, type Route } from "./route.js";
import { type ListTurns, pageOf } from "./streamed-page.js";

export function rolloutRoutes(store: LightningStore, turns: ListTurns): readonly Route[] {
  const find = async ({ hidden, ...wire }: { readonly hidden: boolean }) => {
    const query = toQuery<RolloutQuery>(wire, sortFields.rollout);
    const list = () => listingsOf(store).rollouts(query, hidden ? undefined : kHidden);
    return pageOf(await turns.settle(list), toWireRollout, query, turns);
  };
  const page = pageSchema(anyRolloutSchema);
  return [
    defineRoute({
      method: "POST",
      path: "/rollouts",
      summary: "Starts a rollout and its first attempt without the queue",
      body: startRolloutSchema,
      status: 201,
      answer: attemptedRolloutSchema,
      handle: async ({ body }) =>
        toWireRollout(await store.startRollout(fromWireNewRollout(body), fromWireWorkerId(body.worker_id))),
    }),
    defineRoute({
      method: "GET",
      path: "/rollouts",
      summary: "Rollouts, with their latest attempt where they have one",
      query: rolloutQuerySchema,
      answer: page,
      handle: ({ query }) => find(query),
    }),
    defineRoute({
      method: "POST",
      path: "/rollouts/search",
      summary: "The same, for filters too long for an address",
      body: rolloutQuerySchema,
      isBodyOptional: true,
      answer: page,
      handle: ({ body }) => find(body),
    }),
    defineRoute({
      method: "GET",
      path: "/rollouts/:rollout_id",
      summary: "One rollout, with its latest attempt where it has one",
      answer: anyRolloutSchema,
      handle: async ({ params }) => toWireRollout(await store.getRollout(idOf(params))),
    }),
    defineRoute({
      method: "POST",
      path: "/rollouts/:rollout_id",
      summary: "Changes the fields that are present",
      body: rolloutChangesSchema,
      answer: rolloutSchema,
      handle: async ({ params, body }) => {
        refuseNull(body, ["status", "config"]);
        return bare(await store.updateRollout(idOf(params), fromWireRolloutChanges(body)));
      },
    }),
    defineRoute({
      method: "POST",
      path: "/rollouts/:rollout_id/cancel",
      summary: "Ends a rollout as cancelled",
      answer: rolloutSchema,
      handle: async ({ params }) => bare(await store.cancel(idOf(params))),
    }),
    ...setRoutes(store),
    ...attemptRoutes(store, turns),
  ];
}

// --- internal ---

function setRoutes(store: LightningStore): readonly Route[] {
  const tell = async ({ since, limit }: z.output<typeof changesQuerySchema>) => {
    const { items, cursor } = await store.changes(since ?? undefined, limit);
    return { items: items.map(toWireRollout), cursor };
  };
  return [
    defineRoute({
      method: "GET",
      path: "/changes/rollouts",
      summary: "Rollouts that changed after a cursor",
      query: changesQuerySchema,
      answer: changedRolloutsSchema,
      handle: ({ query }) => tell(query),
    }),
    defineRoute({
      method: "POST",
      path: "/changes/rollouts",
      summary: "The same, with the cursor in the body",
      body: changesQuerySchema,
      isBodyOptional: true,
      answer: changedRolloutsSchema,
      handle: ({ body }) => tell(body),
    }),
    defineRoute({
      method: "POST",
      path: "/deletions/rollouts",
      summary: "Forgets rollouts that have ended, with their attempts and spans, all or none",
      body: deletionSchema,
      answer: z.object({}),
      handle: async ({ body }) => {
        await store.deleteRollouts(body.rollout_ids);
        return {};
      },
    }),
  ];
}

function attemptRoutes(store: LightningStore, turns: ListTurns): readonly Route[] {
  const page = pageSchema(attemptSchema);
  const find = async (rolloutId: string, wire: { readonly strict: boolean }) => {
    const query = toQuery<AttemptQuery>(wire, sortFields.attempt);
    const found = lenient(wire.strict, store.queryAttempts(rolloutId, query), emptyPage(query));
    return pageOf(listOf(await found), toWireAttempt, query, turns);
  };
  return [
    defineRoute({
      method: "POST",
      path: "/rollouts/:rollout_id/attempts",
      summary: "Starts a further attempt at once, whatever max_attempts says",
      body: startAttemptSchema,
      isBodyOptional: true,
      status: 201,
      answer: attemptedRolloutSchema,
      handle: async ({ params, body }) =>
        toWireRollout(await store.startAttempt(idOf(params), fromWireWorkerId(body.worker_id))),
    }),
    defineRoute({
      method: "GET",
      path: "/rollouts/:rollout_id/attempts",
      summary: "Attempts of one rollout",
      query: attemptQuerySchema,
      answer: page,
      handle: ({ params, query }) => find(idOf(params), query),
    }),
    defineRoute({
      method: "POST",
      path: "/rollouts/:rollout_id/attempts/search",
      summary: "The same, with the query in the body",
      body: attemptQuerySchema,
      isBodyOptional: true,
      answer: page,
      handle: ({ params, body }) => find(idOf(params), body),
    }),
    defineRoute({
      method: "GET",
      path: "/rollouts/:rollout_id/attempts/latest",
      summary: "The latest attempt; null before the first",
      query: strictSchema,
      answer: attemptSchema.nullable(),
      handle: async ({ params, query }) => {
        const attempt = await lenient(query.strict, store.getLatestAttempt(idOf(params)), null);
        return attempt === null ? null : toWireAttempt(attempt);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/rollouts/:rollout_id/attempts/:attempt_id",
      summary: "Changes the fields that are present; attempt_id may be latest",
      body: attemptChangesSchema,
      answer: attemptSchema,
      handle: async ({ params, body }) => {
        refuseNull(body, ["status", "worker_id", "last_heartbeat_time", "metadata"]);
        const changes = fromWireAttemptChanges(body);
        return toWireAttempt(await store.updateAttempt(idOf(params), params.attempt_id ?? "", changes));
      },
    }),
  ];
}

function idOf(params: Readonly<Record<string, string>>): string {
  return params.rollout_id ?? "";
}

// Changes are answered without the attempt.
function bare(rollout: Rollout) {
  const { attempt: _attempt, ...wire } = toWireRollout(rollout);
  return wire;
}
