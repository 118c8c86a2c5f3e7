import { describe, expect, it } from "vitest";
import { fromPayload, toPayloads } from "../../../src/store/postgres/events.js";

describe("Events between PostgreSQL stores", () => {
  it("arrive as they were sent, in payloads that NOTIFY carries", () => {
    const ids = Array.from({ length: 1000 }, (_, i) =>
      i % 100 === 0 ? `ü 😀 ${"x".repeat(500)} ${i}` : `ro-${i}`,
    );
    for (const count of [0, 1, 1000])
      for (const isQueued of [true, false]) {
        const payloads = toPayloads({ isQueued, ended: ids.slice(0, count) });
        expect(payloads.filter((payload) => Buffer.byteLength(payload) >= 8000)).toEqual([]);
        const heard = payloads.map(fromPayload);
        expect(heard.some((event) => event.isQueued)).toEqual(isQueued);
        expect(heard.flatMap(({ ended }) => ended)).toEqual(ids.slice(0, count));
      }
    expect(toPayloads({ isQueued: false, ended: [] })).toEqual([]);
    expect(fromPayload("something else")).toEqual({ isQueued: false, ended: [] });
  });
});
