// A file takes the place of a file, and of nothing else.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writingNow } from "../../../src/base/disk-error.js";
import { writeFileAtomically } from "../../../src/policy/model/atomic-file.js";
import { createMetricsFile } from "../../../src/trainer/run/metrics-file.js";

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-atomic-"));
});
afterAll(() => rmSync(out, { recursive: true }));

const write = (file: string) => writeFileAtomically(file, ["new"]);
const pipeAt = (file: string) => execFileSync("mkfifo", [file]);

describe.skipIf(process.platform === "win32")("a file written at once", () => {
  it.each<readonly [string, (file: string) => void]>([
    ["nothing", () => undefined],
    ["a file", (file) => writeFileSync(file, "old")],
    ["a link", (file) => symlinkSync("/nowhere", file)],
  ])("takes the place of %s", (name, make) => {
    const file = join(out, name);
    make(file);
    write(file);
    expect(readFileSync(file, "utf8")).toBe("new");
  });

  it("leaves a pipe and a socket as they are, and says so", async () => {
    const pipe = join(out, "pipe");
    const socket = join(out, "socket");
    pipeAt(pipe);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      for (const [file, kind] of [
        [pipe, "a pipe"],
        [socket, "a socket"],
      ] as const) {
        expect(() => writingNow("saving", file, () => write(file))).toThrow(
          `saving: expected ${file} to be a file that can be written, got ${kind}, whose place the file would take; choose`,
        );
        expect(lstatSync(file).isFile()).toBe(false);
      }
    } finally {
      server.close();
    }
    expect(readdirSync(out).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("leaves a metrics file that is a pipe alone when a run goes on", async () => {
    const pipe = join(out, "metrics");
    pipeAt(pipe);
    await createMetricsFile(pipe).rewind(1);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says that a disk is full where a line cannot be taken back",
    async () => {
      await expect(createMetricsFile("/dev/full").write({ step: 0 })).rejects.toMatchObject({
        code: "E_STATE",
        message: expect.stringMatching(/room on the disk.*ENOSPC/),
      });
    },
  );
});
