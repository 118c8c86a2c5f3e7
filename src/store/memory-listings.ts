// Long lists of records in memory: matched and sorted in parts between which others have their turn.

import type { Rollout } from "../types/rollout.js";
import { type Keyed, type Listings, listKeyed } from "./listings.js";
import {
  hasSpanFilters,
  isEverything,
  matchesResources,
  matchesRollout,
  matchesSpan,
  matchesWorker,
} from "./matches.js";
import { type MemoryEntry, type MemoryTables, withAttempt } from "./memory-tables.js";
import { checkRolloutFilters } from "./metadata-filter.js";
import { sortFields } from "./paging.js";
import type { SpanQuery } from "./store-records.js";

/** @param open  of the store while it is open */
export function memoryListings(open: (who: string) => MemoryTables): Listings {
  return {
    async rollouts(query, without) {
      const who = "store.queryRollouts";
      checkRolloutFilters(who, query);
      const isShown = ({ rollout }: MemoryEntry) =>
        without === undefined || rollout.metadata[without] !== true;
      const list = async () =>
        inPlaces([...open("queryRollouts").entries.values()].filter(isShown), withAttempt);
      const matches = isEverything(query) ? undefined : (rollout: Rollout) => matchesRollout(rollout, query);
      return listKeyed(list, { who, fields: sortFields.rollout, query, matches });
    },
    async spans(rolloutId, query) {
      const { attempts, spans } = open("querySpans").entryOf("querySpans", rolloutId);
      const wanted = query.attemptId === "latest" ? attempts.at(-1)?.attemptId : query.attemptId;
      const scope =
        query.attemptId === undefined ? [...spans] : spans.filter(({ attemptId }) => attemptId === wanted);
      const sorted: SpanQuery = { sortBy: "sequenceId", ...query };
      const isInOrder = scope.every((span, i) => span.sequenceId >= (scope[i - 1]?.sequenceId ?? 0));
      return listKeyed(async () => inPlaces(scope, (span) => span), {
        ...{ who: "store.querySpans", fields: sortFields.span, query: sorted },
        matches: hasSpanFilters(query) ? (span) => matchesSpan(span, query) : undefined,
        isSorted: isInOrder && sorted.sortBy === "sequenceId" && sorted.sortOrder !== "desc",
      });
    },
    async workers(query, without) {
      return listKeyed(async () => inPlaces([...open("queryWorkers").workers.values()], (worker) => worker), {
        ...{ who: "store.queryWorkers", fields: sortFields.worker, query },
        matches: (worker) => worker.workerId !== without && matchesWorker(worker, query),
      });
    },
    async resources(query) {
      const newest = async () => {
        const versions = [...open("queryResources").resources.values()];
        return inPlaces(
          versions.flatMap((all) => all.slice(-1)),
          (update) => update,
        );
      };
      return listKeyed(newest, {
        ...{ who: "store.queryResources", fields: sortFields.resources, query },
        matches: (update) => matchesResources(update, query),
      });
    },
  };
}

// --- internal ---

function inPlaces<T, R>(records: readonly R[], toShown: (record: R) => T): Keyed<T> {
  return {
    keys: Float64Array.from(records, (_, i) => i),
    find: async (keys) => new Map([...keys].map((i) => [i, toShown(records[i] as R)])),
  };
}
