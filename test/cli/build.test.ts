import { describe, expect, it } from "vitest";
import { agl } from "./agl.js";

const none = { PATH: "/nowhere" };

describe("agl build", () => {
  it.each([
    [["--jobs", "0"], /expected an integer of at least 1/],
    [["--jobs", "many"], /expected an integer of at least 1/],
    [["--cuda", "yes"], /Allowed choices are auto, on, off/],
    [["--fast"], /unknown option '--fast'/],
    [["here"], /too many arguments/],
  ])("refuses %j and builds nothing", async (args, message) => {
    const command = agl(["build", ...args], { env: none });
    expect(await command.done).toBe(2);
    expect(command.output.err).toMatch(message);
  });

  it("names the program that the machine lacks", async () => {
    const command = agl(["build"], { env: none });
    expect(await command.done).toBe(1);
    expect(command.output.err).toBe(
      "build: expected cmake >= 3.22, found none; install it (Debian: apt install cmake)\nagl: agl build: expected a build, it ended without one\n",
    );
  });
});
