// Routes of spans: one by one as 0.3 sends them, or many batches in one request.
import { z } from "zod";
import { LightningError } from "../../base/error.js";
import { pageSchema } from "../../store/http/wire-records.js";
import {
  nextSequenceSchema,
  type SpanBatchResults,
  spanBatchesSchema,
  spanBatchResultsSchema,
  spanQuerySchema,
} from "../../store/http/wire-requests.js";
import { fromWireSpan, spanSchema, toWireSpan } from "../../store/http/wire-span.js";
import { listingsOf, listOf } from "../../store/listings.js";
import { hasSpanFilters } from "../../store/matches.js";
import { sortFields } from "../../store/paging.js";
import type { LightningStore } from "../../store/store.js";
import type { SpanQuery } from "../../store/store-records.js";
import type { Span } from "../../types/span.js";
import { emptyPage, lenient, toQuery } from "./queries.js";
import { defineRoute, type Route } from "./route.js";
import { type ListTurns, pageOf } from "./streamed-page.js";

export function spanRoutes(store: LightningStore, turns: ListTurns): readonly Route[] {
  const page = pageSchema(spanSchema);
  const find = async (wire: { readonly rollout_id: string; readonly strict: boolean }) => {
    const query = toQuery<SpanQuery>(wire, sortFields.span);
    const list = () => listingsOf(store).spans(wire.rollout_id, query);
    // Those of one rollout as they lie are soon known, and are what trainers ask for.
    const isPlain = query.sortBy === undefined && !hasSpanFilters(query);
    const found = isPlain ? list() : turns.settle(list);
    const listing = await lenient(wire.strict, found, listOf<Span>(emptyPage(query)));
    return pageOf(listing, toWireSpan, query, turns);
  };
  return [
    defineRoute({
      method: "POST",
      path: "/spans",
      summary: "Keeps a span; null when its attempt has it already",
      body: spanSchema,
      status: 201,
      answer: spanSchema.nullable(),
      handle: async ({ body }) => {
        const span = fromWireSpan(body);
        // 0.3's SDK says 0 where it was given no place.
        const sequenceId = span.sequenceId > 0 ? span.sequenceId : await store.nextSequenceId(span.rolloutId);
        const [kept] = await store.addSpans([{ ...span, sequenceId }]);
        return kept ? toWireSpan(kept) : null;
      },
    }),
    defineRoute({
      method: "POST",
      path: "/spans/batch",
      summary: "Keeps batches of spans, each whole or not at all",
      body: spanBatchesSchema,
      answer: spanBatchResultsSchema,
      handle: async ({ body }) =>
        addBatches(
          store,
          body.batches.map((batch) => batch.map(fromWireSpan)),
        ),
    }),
    defineRoute({
      method: "POST",
      path: "/spans/next",
      summary: "The next free place in the rollout's order of spans",
      body: nextSequenceSchema,
      answer: z.object({ sequence_id: z.int() }),
      handle: async ({ body }) => ({ sequence_id: await store.nextSequenceId(body.rollout_id) }),
    }),
    defineRoute({
      method: "GET",
      path: "/spans",
      summary: "Spans of one rollout",
      query: spanQuerySchema,
      answer: page,
      handle: ({ query }) => find(query),
    }),
    defineRoute({
      method: "POST",
      path: "/spans/search",
      summary: "The same, with the query in the body",
      body: spanQuerySchema,
      answer: page,
      handle: ({ body }) => find(body),
    }),
  ];
}

// --- internal ---

// All at once, which costs one commit; each by itself only when one of them is refused.
async function addBatches(
  store: LightningStore,
  batches: readonly (readonly Span[])[],
): Promise<SpanBatchResults> {
  try {
    const kept = (await store.addSpans(batches.flat())).map((span) => span !== null);
    let end = 0;
    const results = batches.map(({ length }) => {
      end += length;
      return { kept: kept.slice(end - length, end) };
    });
    return { results };
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const results: SpanBatchResults["results"] = [];
  for (const batch of batches) results.push(await addBatch(store, batch));
  return { results };
}

async function addBatch(
  store: LightningStore,
  batch: readonly Span[],
): Promise<SpanBatchResults["results"][number]> {
  try {
    return { kept: (await store.addSpans(batch)).map((span) => span !== null) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { error: { code: error.code, detail: error.message } };
  }
}

/** The batch is wrong, not the store. */
function isRefusal(error: unknown): error is LightningError {
  return error instanceof LightningError && (error.code === "E_NOT_FOUND" || error.code === "E_ARGUMENT");
}
