import { describe, expect, it } from "vitest";
import { jsonResponse, takeText } from "../../src/tracing/whole-response.js";

const value = { text: "é😀", list: [1, null] };
const make = () => jsonResponse(value, { status: 418, headers: { "x-mark": "a" } });

describe("a response that is whole", () => {
  it("is a Response like that of Response.json, however it is read", async () => {
    const like = Response.json(value, { status: 418, headers: { "x-mark": "a" } });
    expect(make()).toBeInstanceOf(Response);
    expect([make().status, make().ok, [...make().headers]]).toEqual([
      like.status,
      like.ok,
      [...like.headers],
    ]);
    expect(await make().text()).toBe(await like.clone().text());
    expect(await make().json()).toEqual(value);
    expect(new Uint8Array(await make().arrayBuffer())).toEqual(
      new Uint8Array(await like.clone().arrayBuffer()),
    );
    expect(await (await make().blob()).text()).toBe(await like.clone().text());
    expect((await make().blob()).type).toBe("application/json");
    const streamed = await new Response(make().body).text();
    expect(streamed).toBe(await like.text());
    expect(jsonResponse(1).status).toBe(200);
  });

  it("is read once, by whatever way", async () => {
    const readers: ((response: Response) => unknown)[] = [
      (response) => response.text(),
      (response) => response.json(),
      takeText,
      (response) => response.body?.getReader(),
    ];
    for (const read of readers) {
      const response = make();
      expect(response.bodyUsed).toBe(false);
      await read(response);
      expect(response.bodyUsed).toBe(true);
      await expect(response.text()).rejects.toThrow(TypeError);
      expect(takeText(response)).toBeUndefined();
      expect(() => response.clone()).toThrow(TypeError);
    }
  });

  it("is cloned before it is read, status and headers with it", async () => {
    const response = make();
    const clone = response.clone();
    expect([clone.status, clone.headers.get("x-mark"), await clone.text()]).toEqual([
      418,
      "a",
      await response.text(),
    ]);
  });

  it("alone gives its text away", () => {
    expect(takeText(make())).toBe(JSON.stringify(value));
    expect(takeText(Response.json(value))).toBeUndefined();
  });
});
