import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { openStore } from "../../../src/store/open-store.js";
import { startUpstream } from "./upstream.js";

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly response: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly note?: string;
}

const file = new URL("../../fixtures/protocol/gateway_v1.json", import.meta.url);
const { exchanges, upstream_saw }: { exchanges: Exchange[]; upstream_saw: unknown[] } = JSON.parse(
  readFileSync(file, "utf8"),
);

// What we answer otherwise than 1.0 did, on purpose, by the exchange's number. Ids that nobody chose are ours (ro-...), not UUIDs.
// What stood in a refused body is not said again: it may be a secret, and answers end in logs.
const differences: Readonly<Record<number, Pick<Exchange, "status" | "response">>> = Object.fromEntries(
  [5, 14, 29].map((i) => {
    const { detail } = exchanges[i]!.response as { readonly detail: readonly object[] };
    return [i, { status: 422, response: { detail: detail.map((one) => ({ ...one, input: "..." })) } }];
  }),
);

const recordedId = "76910a573a67491f85ca63f691c04f12";
const recordedUrl = "http://127.0.0.1:37389/v1";

function keyOf({ note }: Exchange): Record<string, string> {
  if (note === "no key") return {};
  return note === "x-api-key accepted" ? { "x-api-key": "secret" } : { authorization: "Bearer secret" };
}

/** Ids, times and addresses as words, so that two runs can be compared. */
function normalize(value: unknown, names: Readonly<Record<string, string>>): unknown {
  const text = JSON.stringify(value, (key, item) => {
    if (key === "timestamp" || key === "created_at" || key === "updated_at") return "<time>";
    return key === "latency_ms" ? "<ms>" : item;
  });
  return JSON.parse(Object.entries(names).reduce((found, [from, to]) => found.replaceAll(from, to), text));
}

describe("a client of the 1.0 gateway", () => {
  it.each(["memory", "sqlite"])(
    "gets in each of 51 exchanges what it got from the reference, over %s",
    async (kind) => {
      const upstream = await startUpstream();
      const folder = mkdtempSync(join(tmpdir(), "agl-gateway-"));
      const store = await openStore(kind === "memory" ? "memory:" : `sqlite:${folder}/store.db`);
      const gateway = { modelName: "test-model", trainTemperature: 1, valTemperature: 0 };
      const server = await serve({ store, port: 0, key: "secret", gateway });
      let id = recordedId;
      const here = () => ({ [id]: "<id>", [upstream.url]: "<url>" });
      try {
        for (const [i, exchange] of exchanges.entries()) {
          const { method, path, body } = exchange;
          const sent =
            i === 26 ? "{" : body === null ? null : JSON.stringify(body).replace(recordedUrl, upstream.url);
          const response = await fetch(server.url + path.replace(recordedId, id), {
            method,
            body: sent,
            headers: { "content-type": "application/json", ...keyOf(exchange) },
          });
          const text = await response.text();
          const got = text === "" ? { "<raw>": "" } : JSON.parse(text);
          if (i === 3) id = got[0].rollout_id;
          const expected = differences[i] ?? exchange;
          const names = { [recordedId]: "<id>", [recordedUrl]: "<url>" };
          expect({ i, status: response.status, response: normalize(got, here()) }).toEqual({
            i,
            status: expected.status,
            response: normalize(expected.response, names),
          });
          for (const [name, value] of Object.entries(exchange.headers ?? {}))
            expect(response.headers.get(name)).toBe(value);
        }
        expect(exchanges.length).toBe(51);
        expect(upstream.seen).toEqual(upstream_saw);
      } finally {
        await server.close();
        await upstream.close();
        await store.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
