// The 80 exchanges recorded from Agent Lightning 0.3's own server, replayed in order against ours over a socket. Ids are matched by role:
// the first time a recorded id stands in an answer, ours in its place is taken for it from then on.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly response: unknown;
  readonly note?: string;
}

interface Difference {
  readonly exchanges: readonly number[];
  readonly why: string;
  readonly change: (recorded: Exchange) => Partial<Exchange>;
  /** The page's items may come in another order. */
  readonly isUnordered?: boolean;
}

/** Where ours answers otherwise on purpose. */
const kDifferences: readonly Difference[] = [
  {
    exchanges: [2, 74],
    why: "the store has a name of its own, and no limits of memory to report",
    change: ({ response }) => {
      const { name: _name, ...rest } = response as Readonly<Record<string, unknown>>;
      const counts = Object.entries(rest).filter(([key]) => !key.endsWith("_bytes"));
      return { response: { name: "memory", ...Object.fromEntries(counts) } };
    },
  },
  {
    exchanges: [27, 32, 33, 41, 53, 58, 61],
    why: "an unknown id is 404 and a sentence, where the reference says 500 with a traceback (27: where it makes a number up)",
    change: () => ({ status: 404, response: { detail: kAnyText } }),
  },
  {
    exchanges: [62],
    why: "times are in milliseconds: two rollouts of one call may begin at the same, and then keep their order; metadata is never null",
    change: ({ response }) => ({ response: withMetadata(response) }),
    isUnordered: true,
  },
  {
    exchanges: [57, 63, 72],
    why: "a rollout's metadata is never null",
    change: ({ response }) => ({ response: withMetadata(response) }),
  },
  {
    exchanges: [10, 14, 15, 40, 47, 48, 50, 55, 57, 59, 60, 62, 63, 72],
    why: "a rollout that is bound to resources says to which version of them",
    change: ({ response }) => ({ response: withVersion(response) }),
  },
  {
    exchanges: [9, 12, 13, 34],
    why: "what stood in a body is not said again: it may be a secret, and answers end in logs",
    change: ({ response }) => ({ response: withoutBody(response) }),
  },
  { exchanges: [76], why: "OTLP is taken as JSON too", change: () => ({ status: 200, response: "{}" }) },
  {
    exchanges: [78, 79],
    why: "says in its own words why protobuf is malformed and that metrics are not kept",
    change: () => ({ response: kAnyText }),
  },
];

function withoutBody(response: unknown): unknown {
  const { detail } = response as { readonly detail: readonly Readonly<Record<string, unknown>>[] };
  const text = JSON.stringify({ detail: detail.map((one) => ({ ...one, input: "..." })) });
  return JSON.parse(text.replace("tag 'zzz' found", "tag found").replace('"tag":"zzz"', '"tag":"..."'));
}

/** What the recordings do not show of requests to OTLP's routes. */
const kOtlpRequests: Readonly<Record<number, { readonly type: string; readonly body: string }>> = {
  76: { type: "application/json", body: "{}" },
  77: { type: "application/x-protobuf", body: "" },
  78: { type: "application/x-protobuf", body: "garbage" },
  79: { type: "application/x-protobuf", body: "" },
};

const kAnyText = "<any text>";
const kExchanges = JSON.parse(
  readFileSync(new URL("../../fixtures/protocol/store_v03.json", import.meta.url), "utf8"),
) as readonly Exchange[];

describe("the store's routes", () => {
  it("answer each of the 80 recorded exchanges as Agent Lightning 0.3 did, but for the differences in the table", async () => {
    const store = createMemoryStore();
    await using server = await serve({ store, port: 0 });
    const ids = new Map<string, string>();
    const wrong: unknown[] = [];
    for (const [i, exchange] of kExchanges.entries()) {
      const differences = kDifferences.filter(({ exchanges }) => exchanges.includes(i));
      let expected = exchange;
      for (const { change } of differences) expected = { ...expected, ...change(expected) };
      const response = await request(server.url, i, exchange, ids);
      const text = await response.text();
      const order = differences.some(({ isUnordered }) => isUnordered) ? sorted : (value: unknown) => value;
      const got = kOtlpRequests[i] === undefined ? order(JSON.parse(text)) : text;
      const want = kOtlpRequests[i] === undefined ? order(expected.response) : rawOf(expected.response);
      if (response.status !== expected.status || !agrees(want, got, "", ids))
        wrong.push({ i, note: exchange.note, want: [expected.status, want], got: [response.status, got] });
    }
    expect(wrong).toEqual([]);
    expect(kExchanges.length).toBe(80);
    await store.close();
  });
});

// --- internal ---

function request(url: string, i: number, { method, path, body }: Exchange, ids: ReadonlyMap<string, string>) {
  const otlp = kOtlpRequests[i];
  if (otlp !== undefined)
    return fetch(`${url}${path}`, { method, headers: { "content-type": otlp.type }, body: otlp.body });
  const ours = (text: string) => text.replace(/(?:ro|at|rs)-\w+/g, (id) => ids.get(id) ?? id);
  return fetch(`${url}${ours(path)}`, {
    method,
    ...(body === null
      ? {}
      : { body: ours(JSON.stringify(body)), headers: { "content-type": "application/json" } }),
  });
}

/** Recorded and ours say the same; ids new in the recording are learnt. */
function agrees(want: unknown, got: unknown, key: string, ids: Map<string, string>): boolean {
  if (want === "<ts>" || key === "uptime") return typeof got === "number";
  if (want === kAnyText) return typeof got === "string" && got.length > 0;
  if (typeof want === "string" && typeof got === "string" && /^(?:ro|at|rs)-/.test(want)) {
    if (!ids.has(want) && !want.endsWith("none")) ids.set(want, got);
    return (ids.get(want) ?? want) === got;
  }
  if (typeof want !== "object" || want === null || typeof got !== "object" || got === null)
    return Object.is(want, got);
  const [a, b] = [Object.entries(want), Object.keys(got)];
  return a.length === b.length && a.every(([k, v]) => k in got && agrees(v, (got as never)[k], k, ids));
}

function sorted(page: unknown): unknown {
  const { items, ...rest } = page as { readonly items: readonly { readonly status: string }[] };
  return { ...rest, items: items.toSorted((a, b) => (a.status < b.status ? -1 : 1)) };
}

function rawOf(response: unknown): unknown {
  return typeof response === "object" && response !== null && "<raw>" in response
    ? response["<raw>"]
    : response;
}

/** The second version of the bundle was the newest when they were enqueued. */
function withVersion(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withVersion);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, v]) => [key, withVersion(v)]);
  const isBound = "config" in value && "resources_id" in value && value.resources_id !== null;
  return Object.fromEntries(isBound ? [...fields, ["resources_version", 2]] : fields);
}

function withMetadata(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMetadata);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, v]) => [
    key,
    key === "metadata" && v === null && "config" in value ? {} : withMetadata(v),
  ]);
  return Object.fromEntries(fields);
}
