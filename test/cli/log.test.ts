import { expect, it } from "vitest";
import { createLog } from "../../src/cli/log.js";
import type { LogRecord } from "../../src/server/store-api/log-record.js";

const record: LogRecord = {
  ...{ level: "warn", message: "refused\n2026 error forged\u2028", requestId: "r-1", method: "GET" },
  ...{
    route: "/v1/agl/rollouts",
    status: 401,
    durationMs: 1.26,
    rolloutId: "ro-1\nforged",
    remote: "::1",
    more: 3,
  },
};

it("writes a record as one line of JSON, with its time and the names of its fields", () => {
  const lines: string[] = [];
  const log = createLog({ logLevel: "info", logFormat: "json" }, (line) => lines.push(line));
  log(record);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\n\u2028]/);
  const { time, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(rest).toEqual({
    ...{ level: "warn", message: "refused\\n2026 error forged\\u2028", request_id: "r-1", method: "GET" },
    ...{
      route: "/v1/agl/rollouts",
      status: 401,
      duration_ms: 1.3,
      rollout_id: "ro-1\nforged",
      remote: "::1",
      more: 3,
    },
  });
});

it("writes it as one line for people, however long it was and whatever was in it", () => {
  const lines: string[] = [];
  const log = createLog({ logLevel: "info", logFormat: "text" }, (line) => lines.push(line));
  log(record);
  log({ level: "error", message: "x".repeat(100_000) });
  expect(lines[0]).toMatch(
    /^\S+Z warn refused\\n2026 error forged\\u2028 method=GET route=\/v1\/agl\/rollouts status=401 remote=::1 more=3 request_id=r-1 duration_ms=1.3 rollout_id=ro-1\\nforged$/,
  );
  expect(lines[1]!.length).toBeLessThan(4100);
});

it.each([
  ["error", ["error"]],
  ["warn", ["error", "warn"]],
  ["info", ["error", "warn", "info"]],
] as const)("from level %s on tells %j", (logLevel, told) => {
  const levels: string[] = [];
  const log = createLog({ logLevel, logFormat: "json" }, (line) => levels.push(JSON.parse(line).level));
  for (const level of ["error", "warn", "info"] as const) log({ level, message: "" });
  expect(levels).toEqual(told);
});
