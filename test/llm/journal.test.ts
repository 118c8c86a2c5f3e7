import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJournal } from "../../src/llm/journal.js";

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-journal-"));
});
afterAll(() => rmSync(out, { recursive: true }));

const never = () => Promise.reject(new Error("made again"));

describe("a journal", () => {
  it.each([
    ["in memory", undefined],
    ["in a file", "new/folder/journal.jsonl"],
  ])("%s gives the same answer for the same contents, made once", async (_of, name) => {
    const journal = openJournal("test", name && join(out, name));
    let made = 0;
    const make = async () => ({ made: ++made, nothing: undefined });
    const [a, b] = await Promise.all([journal.remember({ q: 1 }, make), journal.remember({ q: 1 }, make)]);
    expect([a, b]).toEqual([{ made: 1 }, { made: 1 }]);
    // New or remembered, an answer has been through JSON.
    expect(Object.keys(a)).toEqual(["made"]);
    expect(await journal.remember({ q: 1 }, never)).toEqual({ made: 1 });
    expect(await journal.remember({ q: "1" }, make)).toEqual({ made: 2 });
  });

  it("keeps answers beyond the process, none of those that failed, and cuts a line that was killed", async () => {
    const file = join(out, "kept.jsonl");
    const first = openJournal("test", file);
    await first.remember(["a"], async () => "line\nbreak ü");
    await expect(first.remember(["b"], never)).rejects.toThrow("made again");
    const whole = readFileSync(file);
    appendFileSync(file, '{"key":"abc');
    const second = openJournal("test", file);
    expect(readFileSync(file).equals(whole)).toBe(true);
    expect(await second.remember(["a"], never)).toBe("line\nbreak ü");
    expect(await second.remember(["b"], async () => 2)).toBe(2);
    await expect(second.remember(["c"], async () => undefined)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    expect(await openJournal("test", file).remember(["b"], never)).toBe(2);
  });

  it("refuses a file that is none of its own, and leaves it as it is", () => {
    const file = join(out, "other.jsonl");
    writeFileSync(file, '{"step":1}\n');
    expect(() => openJournal("test", file)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(readFileSync(file, "utf8")).toBe('{"step":1}\n');
  });

  it("says what the disk says", async () => {
    writeFileSync(join(out, "file"), "");
    const journal = openJournal("test", join(out, "file", "journal.jsonl"));
    await expect(journal.remember(1, async () => 1)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
