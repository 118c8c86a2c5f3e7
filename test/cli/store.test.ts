import { afterEach, describe, expect, it } from "vitest";
import { openStore } from "../../src/store/open-store.js";
import { type Agl, agl, temporaryFolder } from "./agl.js";

const started: Agl[] = [];
const run = (...[args, options]: Parameters<typeof agl>) => {
  const command = agl(args, options);
  started.push(command);
  return command;
};

afterEach(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
});

describe("agl store", () => {
  it("serves what outlives it, in a file, and ends with 0 when told to", async () => {
    using folder = temporaryFolder();
    const url = `sqlite:${folder.path}/store.db`;
    const ids: string[] = [];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const server = run([
        "store",
        signal === "SIGTERM" ? "--store" : "--url",
        url,
        "--port",
        "0",
        "--key",
        "secret",
      ]);
      const [, address = ""] = await server.says(/at (http:\S+)/);
      const store = await openStore(address, { key: "secret" });
      const [rollout] = await store.enqueue([{ input: signal }]);
      ids.push(rollout!.rolloutId);
      expect((await store.queryRollouts()).items.map(({ rolloutId }) => rolloutId)).toEqual(ids);
      await store.close();
      server.child.kill(signal);
      expect(await server.done).toBe(0);
    }
  });

  it("speaks the 0.3 routes, OTLP and the gateway at one address", async () => {
    const server = run(["store", "--port", "0"]);
    const [, address = ""] = await server.says(/at (http:\S+)/);
    const statuses = await Promise.all(
      [
        fetch(`${address}/v1/agl/health`),
        fetch(`${address}/v1/traces`, {
          method: "POST",
          headers: { "content-type": "application/x-protobuf" },
        }),
        fetch(`${address}/proxy/state`),
      ].map(async (response) => (await response).status),
    );
    expect(statuses).toEqual([200, 200, 200]);
  });

  it("queues again what was claimed and never heard of, after as many seconds as it is told", async () => {
    const server = run(["store", "--port", "0", "--preparing-seconds", "0.2"]);
    const [, address = ""] = await server.says(/at (http:\S+)/);
    await using store = await openStore(address);
    await store.enqueue([{ input: 1 }]);
    expect((await store.claim("gone")).length).toBe(1);
    const [again] = await store.claim("other", 1, { timeoutMs: 20_000 });
    expect([again?.input, again?.attempt.sequenceId]).toEqual([1, 2]);
  });

  it("says defaults of times in seconds, as they are given", async () => {
    const times = async (command: string) => {
      const help = run([command, "--help"]);
      await help.done;
      const shown = help.output.out.replaceAll(/\s+/g, " ").matchAll(/(--\S+) <seconds>.*?default: (\d+)/g);
      return Object.fromEntries([...shown].map(([, name, seconds]) => [name, Number(seconds)]));
    };
    expect(await times("store")).toEqual({
      ...{ "--preparing-seconds": 600, "--lost-after": 60, "--store-timeout": 10 },
    });
    const runners = { "--heartbeat": 5, "--timeout": 3600, "--grace": 5, "--lost-after": 60 };
    expect(await times("runner")).toEqual({ ...runners, "--preparing-seconds": 600 });
  });

  it.each([
    [["store", "--port", "0"], "--preparing-seconds", "preparingSeconds"],
    [["store", "--port", "0"], "--lost-after", "seconds from 0.01"],
    [["runner", "--store", "memory:", "--agent", "x"], "--lost-after", "seconds from 0.01"],
    [["runner", "--store", "memory:", "--agent", "x"], "--heartbeat", "seconds from 0.01"],
  ])("agl %j %s 0 is refused, since it would never pause", async (args, option, reason) => {
    const command = run([...args, option, "0"]);
    expect(await command.done).toBe(2);
    expect(command.output.err).toContain(reason);
  });

  it.each<[string, string[], Record<string, string>, number | "open"]>([
    ["a host that others reach without a key", ["store", "--host", "0.0.0.0", "--port", "0"], {}, 2],
    [
      "the same with a key from the environment",
      ["store", "--host", "0.0.0.0", "--port", "0"],
      { AGL_KEY: "k" },
      "open",
    ],
    ["a port that is none", ["store", "--port", "many"], {}, 2],
    ["a store that is none", ["store", "--url", "ftp://x"], {}, 2],
    ["an unknown option", ["store", "--porch", "1"], {}, 2],
    ["a runner without an agent", ["runner", "--store", "memory:"], {}, 2],
    ["a file that cannot be one", ["store", "--url", "sqlite:package.json/store.db"], {}, 1],
    [
      "a file in a folder that a typo would make",
      ["store", "--store", "sqlite:no-such-folder/store.db"],
      {},
      2,
    ],
    ["two names of one store", ["store", "--store", "memory:", "--url", "memory:"], {}, 2],
    ["its version", ["--version"], {}, 0],
    ["help", ["runner", "--help"], {}, 0],
  ])("ends as it should: %s", async (_, args, env, end) => {
    const command = run(args, { env: { AGL_KEY: "", ...env } });
    if (end === "open") await command.says(/at http/);
    else expect([await command.done, command.output.err.includes("    at ")]).toEqual([end, false]);
  });
});

describe("keys and logs of agl store", () => {
  const write = async (address: string, key: string) => {
    const init = { method: "POST", body: '{"input":1}', headers: { "x-api-key": key } };
    return (await fetch(`${address}/v1/agl/rollouts`, init)).status;
  };

  it("takes several keys, of options and of files, and reads the files again at SIGHUP", async () => {
    using folder = temporaryFolder();
    const file = folder.write("keys", "# of the team\nfirst\n\nsecond\r\n");
    const readers = folder.write("readers", "look\n");
    const options = ["--key", "given", "--key", "other", "--key-file", file, "--read-key-file", readers];
    const server = run(["store", "--port", "0", ...options]);
    const [, address = ""] = await server.says(/at (http:\S+)/);
    const asked = async () => {
      const keys = ["given", "other", "first", "second", "third", "look"];
      return Promise.all(keys.map((key) => write(address, key)));
    };
    expect(await asked()).toEqual([201, 201, 201, 201, 401, 403]);
    folder.write("keys", "third\n");
    server.child.kill("SIGHUP");
    await server.says(/keys were read again: 3, and 1 that only read/);
    expect(await asked()).toEqual([201, 201, 401, 401, 201, 403]);
    folder.write("keys", "\n");
    server.child.kill("SIGHUP");
    await server.says(/error the keys stay what they were: .*a key a line/);
    expect(await asked()).toEqual([201, 201, 401, 401, 201, 403]);
    const exported = run(["store", "export", "--store", address, "--key-file", folder.write("k", "third\n")]);
    expect([await exported.done, exported.output.out]).toEqual([
      0,
      expect.stringContaining('"kind":"rollout"'),
    ]);
    for (const key of ["given", "other", "first", "second", "third", "look"])
      expect(server.output.err).not.toMatch(new RegExp(`\\b${key}\\b`));
  });

  it("writes lines of JSON from the level on that it is told, requests only when asked to", async () => {
    const server = run(["store", "--port", "0", "--log-format", "json", "--access-log"]);
    const [, address = ""] = await server.says(/at (http:[^"]+)/);
    await fetch(`${address}/v1/agl/statistics`);
    await server.says(/statistics/);
    const lines = server.output.err.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "info", message: `store memory: at ${address}` },
      { level: "info", message: "request", method: "GET", route: "/v1/agl/statistics", status: 200 },
    ]);
    const wrong = run(["store", "--log-level", "loud"]);
    expect(await wrong.done).toBe(2);
  });

  it("refuses a file without keys, and one that is not there", async () => {
    using folder = temporaryFolder();
    for (const file of [
      folder.write("none", "# nothing\n"),
      folder.write("two", "a b\n"),
      `${folder.path}/missing`,
    ]) {
      const server = run(["store", "--port", "0", "--key-file", file]);
      expect([await server.done, server.output.err]).toEqual([
        2,
        expect.stringContaining("key file: expected"),
      ]);
    }
  });
});
