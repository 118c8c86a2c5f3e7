import { expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";

it("LightningError carries its code, message and cause", () => {
  const cause = new Error("disk");
  const error = new LightningError("E_MODEL", "loadPolicy: no such folder", { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: "LightningError",
    code: "E_MODEL",
    message: "loadPolicy: no such folder",
  });
  expect(error.cause).toBe(cause);
});
