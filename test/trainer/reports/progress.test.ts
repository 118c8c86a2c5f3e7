import { describe, expect, it } from "vitest";
import { createProgress } from "../../../src/trainer/reports/progress.js";

function written(columns: number | undefined, isTTY: boolean): string[] {
  const texts: string[] = [];
  const stream = { isTTY, write: (text: string) => texts.push(text) };
  const progress = createProgress(columns === undefined ? stream : { ...stream, columns });
  progress.update("step 5 of 40: 3 of 128 rollouts");
  progress.line("step 5 of 40: reward 0.5");
  progress.close();
  return texts;
}

describe("progress", () => {
  it.each([
    [0, "step 5 of 40: 3 of 128 rollouts"],
    [undefined, "step 5 of 40: 3 of 128 rollouts"],
    [Number.NaN, "step 5 of 40: 3 of 128 rollouts"],
    [120, "step 5 of 40: 3 of 128 rollouts"],
    [10, "step 5 of"],
    [1, "s"],
  ])(
    "says what goes on, on a terminal %s wide, and wipes it away for the line that stays",
    (columns, live) => {
      expect(written(columns, true)).toEqual([live, "\r\u001b[2K", "step 5 of 40: reward 0.5\n"]);
    },
  );

  it("writes only lines that stay where there is no terminal", () => {
    expect(written(0, false)).toEqual(["step 5 of 40: reward 0.5\n"]);
  });

  it("wipes each live line once, and away when it closes", () => {
    const texts: string[] = [];
    const progress = createProgress({ isTTY: true, columns: 6, write: (text) => texts.push(text) });
    progress.close();
    progress.update("a".repeat(9));
    progress.update("b");
    progress.close();
    progress.close();
    progress.line("c");
    const wipe = "\r\u001b[2K";
    expect(texts).toEqual(["aaaaa", wipe, "b", wipe, "c\n"]);
  });

  it("takes a terminal that does not know its width for one of 80 columns", () => {
    const texts: string[] = [];
    createProgress({ isTTY: true, columns: 0, write: (text) => texts.push(text) }).update("x".repeat(99));
    expect(texts).toEqual(["x".repeat(79)]);
  });
});
