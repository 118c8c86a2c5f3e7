import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { strftime } from "../../src/jinja/strftime.js";

interface Recorded {
  readonly moment: string;
  readonly format: string;
  readonly text: string;
}

const table: readonly Recorded[] = JSON.parse(
  readFileSync(new URL("../fixtures/jinja/dates.json", import.meta.url), "utf8"),
);

describe("a date is printed as Python's strftime prints it", () => {
  it.each(table)("$moment as $format", ({ moment, format, text }) => {
    expect(strftime(new Date(`${moment}Z`), format)).toBe(text);
  });
});
