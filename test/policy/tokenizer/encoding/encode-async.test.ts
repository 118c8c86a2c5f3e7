import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TooManyTokensError } from "../../../../src/policy/tokenizer/encoding/too-many-tokens.js";
import { loadTokenizer } from "../../../../src/policy/tokenizer/tokenizer.js";
import { qwen2 } from "../../fixture-models.js";

const tokenizer = loadTokenizer(qwen2);

const kLong = {
  "a megabyte of words": "what is 12 + 30 ? Don't you know? ".repeat(30_000),
  "one word of 160,000 letters": "abcdefghij".repeat(16_000),
  "a megabyte of spaces": " ".repeat(1_000_000),
  "accents to be composed": "e\u0301".repeat(200_000),
  "a megabyte of other characters": "\u4f60\u597d\u{1f600}".repeat(100_000),
};

describe("encodeAsync", () => {
  it("gives what encode gives", async () => {
    const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        expect(await tokenizer.encodeAsync(text)).toEqual(tokenizer.encode(text));
      }),
    );
  });

  for (const [what, text] of Object.entries(kLong)) {
    it(`leaves the event loop to others all the while it encodes ${what}`, { retry: 2 }, async () => {
      // Processor time, not the clock: the machine may be busy with something else.
      let longest = 0;
      let last = process.cpuUsage();
      const look = () => {
        const { user, system } = process.cpuUsage(last);
        longest = Math.max(longest, (user + system) / 1000);
        last = process.cpuUsage();
      };
      const timer = setInterval(look, 0);
      const ids = await tokenizer.encodeAsync(text);
      look();
      clearInterval(timer);
      expect(longest).toBeLessThan(50);
      expect(Buffer.compare(Buffer.from(ids.buffer), Buffer.from(tokenizer.encode(text).buffer))).toBe(0);
    });
  }

  it("leaves the event loop to others while many texts are encoded at once, and lets short ones through", {
    retry: 2,
  }, async () => {
    const long = "what is 12 + 30 ? Don't you know? ".repeat(8000);
    let longest = 0;
    let last = process.cpuUsage();
    const timer = setInterval(() => {
      const { user, system } = process.cpuUsage(last);
      longest = Math.max(longest, (user + system) / 1000);
      last = process.cpuUsage();
    }, 0);
    const done: string[] = [];
    const named = async (name: string, text: string) => {
      const ids = await tokenizer.encodeAsync(text);
      done.push(name);
      return ids;
    };
    const all = [];
    for (let i = 0; i < 12; i++) all.push(named("long", long));
    for (let i = 0; i < 50; i++) all.push(named("short", "what is 12"));
    const encoded = await Promise.all(all);
    clearInterval(timer);
    expect(longest).toBeLessThan(50);
    expect(done.lastIndexOf("short")).toBeLessThan(done.indexOf("long"));
    for (const ids of encoded.slice(0, 12)) expect(ids).toHaveLength(encoded[0]?.length ?? 0);
  });

  it("goes on with the others when one of many is aborted or refused", async () => {
    const long = "what is 12 + 30 ? ".repeat(20_000);
    const stop = new AbortController();
    const all = [
      tokenizer.encodeAsync(long, { signal: stop.signal }),
      tokenizer.encodeAsync(long, { most: long.length - 1 }),
      tokenizer.encodeAsync(long, { signal: stop.signal }),
      tokenizer.encodeAsync("\ud800", { most: 0 }),
      tokenizer.encodeAsync(long),
    ];
    setTimeout(() => stop.abort("enough"), 3);
    const [first, second, third, fourth, fifth] = await Promise.allSettled(all);
    expect([first, third]).toEqual([
      { status: "rejected", reason: "enough" },
      { status: "rejected", reason: "enough" },
    ]);
    expect(fourth?.status).toBe("rejected");
    expect([second, fifth].map((each) => each?.status)).toEqual(["fulfilled", "fulfilled"]);
  });

  it("stops as soon as it has made more tokens than the most", async () => {
    const words = Array.from({ length: 200_000 }, (_, i) => `${i} `).join("");
    const bytes = Buffer.byteLength(words);
    const error = await tokenizer.encodeAsync(words, { most: Math.ceil(bytes / 3) }).catch((error) => error);
    expect(error).toBeInstanceOf(TooManyTokensError);
    expect(error.atLeast).toBeLessThan(bytes / 2);
  });

  it("stops when the signal aborts on the way", async () => {
    const stop = new AbortController();
    const encoding = tokenizer.encodeAsync("what is 12 + 30 ? ".repeat(100_000), { signal: stop.signal });
    setTimeout(() => stop.abort("enough"), 5);
    await expect(encoding).rejects.toBe("enough");
  });

  it("rejects a text of more tokens than the most, and no other", async () => {
    const text = "what is 12 + 30 ?";
    const { length } = tokenizer.encode(text);
    expect(await tokenizer.encodeAsync(text, { most: length })).toHaveLength(length);
    const error = await tokenizer.encodeAsync(text, { most: length - 1 }).catch((error) => error);
    expect(error).toBeInstanceOf(TooManyTokensError);
    expect(error).toMatchObject({ code: "E_ARGUMENT", most: length - 1 });
    expect(error.message).toContain(`expected at most ${length - 1} tokens`);
    expect(error.atLeast).toBeGreaterThanOrEqual(length - 1);
  });

  it("rejects at once what is too long by its length alone", async () => {
    const text = "x ".repeat(5_000_000);
    await expect(tokenizer.encodeAsync(text, { most: 1000 })).rejects.toThrow(TooManyTokensError);
  });

  it("rejects with the reason of a signal that aborted", async () => {
    const signal = AbortSignal.abort("enough");
    await expect(tokenizer.encodeAsync("a", { signal })).rejects.toBe("enough");
  });

  it("rejects what is not text, and a most that is no number of tokens", async () => {
    await expect(tokenizer.encodeAsync(7 as never)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    for (const most of [-1, Number.NaN, 1.5]) {
      await expect(tokenizer.encodeAsync("a", { most })).rejects.toMatchObject({ code: "E_ARGUMENT" });
    }
  });
});
