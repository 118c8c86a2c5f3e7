import { describe, expect, it } from "vitest";
import { writing, writingNow } from "../../src/base/disk-error.js";
import { LightningError } from "../../src/base/error.js";

const systemError = (code: string) =>
  Object.assign(new Error(`${code}: it failed, write`), { code, errno: -1 });
const caught = (error: unknown) =>
  writing("policy.saveCheckpoint", "run/x", () => {
    throw error;
  }).catch((thrown: unknown) => thrown);

describe("what the file system says of a file that cannot be written", () => {
  it.each([
    ["ENOSPC", "expected room on the disk for run/x", "free some space"],
    ["EDQUOT", "expected room in the user's disk quota for run/x", "free some space"],
    ["EFBIG", "limit of file sizes (ulimit -f) for run/x", "free some space"],
    ["EROFS", "expected a file system that is not read-only for run/x", "choose another place"],
    ["EACCES", "expected the right to write run/x", "change its rights"],
    ["EPERM", "expected the right to write run/x", "change its rights"],
    ["EMFILE", "expected fewer open files beside run/x", "ulimit -n"],
    ["EIO", "expected a disk that works for run/x", "log"],
    ["ESTALE", "expected a network disk that answers for run/x", "mount"],
  ])("is the disk's for %s", async (code, expected, remedy) => {
    const cause = systemError(code);
    const error = await caught(cause);
    expect(error).toMatchObject({ code: "E_STATE", cause });
    const { message } = error as Error;
    expect(message).toMatch(/^policy\.saveCheckpoint: /);
    for (const part of [expected, `got ${code}: it failed, write`, remedy]) expect(message).toContain(part);
  });

  it.each(["ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EINVAL"])(
    "is the path's for %s",
    async (code) => {
      expect(await caught(systemError(code))).toMatchObject({
        code: "E_ARGUMENT",
        message: `policy.saveCheckpoint: expected run/x to be a file that can be written, got ${code}: it failed, write`,
      });
    },
  );

  it("is said anew by who knows the file's name, and what is no word of the file system passes", async () => {
    const inner = await caught(systemError("ENOSPC"));
    const outer = () =>
      writingNow("createTrainer", "checkpointFile run/x", () => {
        throw inner;
      });
    expect(outer).toThrow("createTrainer: expected room on the disk for checkpointFile run/x, got ENOSPC");
    const others = [new LightningError("E_CLOSED", "closed"), new TypeError("wrong"), "text", undefined];
    for (const other of others) expect(await caught(other)).toBe(other);
    expect(await writing("w", "f", async () => 1)).toBe(1);
    expect(writingNow("w", "f", () => 2)).toBe(2);
  });
});
