// A real PostgreSQL for tests: the one AGL_POSTGRES_URL names, else a temporary server on a free loopback port, in a folder of its own,
// removed after. With AGL_REQUIRE_POSTGRES=1 a machine without one fails its tests; otherwise they are skipped and say why.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import { afterAll, describe } from "vitest";

export interface PostgresServer {
  readonly url: string;
  /** Ends it: "fast" as an administrator does, "immediate" as a crash does. */
  stop(how: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** A server, and whether it is ours to stop. */
export interface PostgresForTests {
  readonly url: string;
  readonly ours?: PostgresServer;
}

/**
 * Tests that need a server.
 * @param tests  given the server, and names of schemas that are dropped after the tests
 */
export function describePostgres(
  name: string,
  tests: (server: () => Promise<PostgresForTests>, newSchema: () => string) => void,
): void {
  const absence = whyNone();
  if (absence !== null && process.env.AGL_REQUIRE_POSTGRES === "1") throw new Error(absence);
  let started: Promise<PostgresForTests> | undefined;
  const schemas: string[] = [];
  describe.skipIf(absence !== null)(absence === null ? name : `${name} (skipped: ${absence})`, () => {
    afterAll(async () => {
      const { url, ours } = (await started) ?? {};
      if (ours !== undefined) await ours.remove();
      else if (url !== undefined)
        for (const schema of schemas)
          await query(url, `DROP SCHEMA IF EXISTS ${pg.escapeIdentifier(schema)} CASCADE`);
    });
    tests(
      () => {
        started ??= open();
        return started;
      },
      () => {
        const schema = `agl test ${randomUUID()}`;
        schemas.push(schema);
        return schema;
      },
    );
  });
}

/** Rows of one statement, outside any store. */
export async function query(url: string, text: string, values: unknown[] = []): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

// --- internal ---

const kPassword = "correct horse";

async function open(): Promise<PostgresForTests> {
  const given = process.env.AGL_POSTGRES_URL;
  if (given !== undefined) return { url: given };
  const ours = await startServer();
  return { url: ours.url, ours };
}

function whyNone(): string | null {
  if (process.env.AGL_POSTGRES_URL !== undefined) return null;
  if (binaries() === undefined)
    return "no PostgreSQL server programs on this machine and no AGL_POSTGRES_URL";
  if (isRoot() && userIds() === undefined)
    return "PostgreSQL refuses to run as root and there is no user postgres or nobody";
  return null;
}

/** The folder of initdb and postgres. */
function binaries(): string | undefined {
  const packaged = "/usr/lib/postgresql";
  const versions = existsSync(packaged)
    ? readdirSync(packaged).map((name) => join(packaged, name, "bin"))
    : [];
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...versions, "/usr/local/bin"];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function userIds(): { uid: number; gid: number } | undefined {
  for (const user of ["postgres", "nobody"])
    try {
      const id = (flag: string) => Number(execFileSync("id", [flag, user], { stdio: "pipe" }).toString());
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // No such user: the next one.
    }
  return undefined;
}

async function startServer(): Promise<PostgresServer> {
  const bin = binaries()!;
  const user: { uid?: number; gid?: number } = isRoot() ? userIds()! : {};
  const folder = mkdtempSync(join(tmpdir(), "agl-postgres-"));
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid!);
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, kPassword, { mode: 0o644 });
  const data = join(folder, "data");
  execFileSync(
    join(bin, "initdb"),
    ["-D", data, "-U", "agl", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", `--pwfile=${passwordFile}`],
    { ...user, cwd: folder, stdio: "pipe" },
  );
  const port = await freePort();
  const url = `postgres://agl:${encodeURIComponent(kPassword)}@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | undefined;
  const server: PostgresServer = {
    url,
    async start() {
      // A crash of a process loses nothing that the system has, so nothing here waits for a disk.
      const settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "max_connections=200",
      ];
      const args = ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
      child = spawn(join(bin, "postgres"), args, { ...user, cwd: folder, stdio: "ignore" });
      await ready(url);
    },
    async stop(how) {
      const running = child;
      if (running === undefined || running.exitCode !== null) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
      await ended;
    },
    async remove() {
      await server.stop("immediate");
      process.off("exit", remove);
      remove();
    },
  };
  // Whatever becomes of the tests, no server stays.
  const remove = () => {
    child?.kill("SIGQUIT");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", remove);
  await server.start();
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function ready(url: string): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;)
    try {
      await query(url, "SELECT 1");
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
