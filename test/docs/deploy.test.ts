// The examples of docs/deploy, as far as they run here: the commands that they give, with places that there are.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Agl, agl, temporaryFolder } from "../cli/agl.js";
import { root } from "../rules/sources.js";

const example = (name: string) => readFileSync(join(root, "docs", "deploy", name), "utf8");
const unit = example("agl-store.service");
const command = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
const started: Agl[] = [];
afterEach(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
});

/** Starts the store that an example starts, in a folder, at a free port. */
async function start(args: readonly string[], folder: string): Promise<string> {
  const placed = args.map((arg) => arg.replace(/(?<=sqlite:|^)\/[\w/]*?(?=\/[\w.]+$)/, folder));
  const server = agl([...placed, "--port", "0"]);
  started.push(server);
  return (await server.says(/at (http:[^"]+)/))[1] ?? "";
}

const write = async (url: string, key: string) => {
  const init = { method: "POST", body: '{"input":1}', headers: { authorization: `Bearer ${key}` } };
  return (await fetch(`${url}/v1/agl/rollouts`, init)).status;
};

describe("the Dockerfile", () => {
  const json = (instruction: string) =>
    JSON.parse(
      new RegExp(`^${instruction}.*?(\\[.*\\])$`, "m").exec(example("Dockerfile"))?.[1] ?? "[]",
    ) as string[];

  it("starts a store that wants its file of keys, and its health check knows whether it is ready", async () => {
    using folder = temporaryFolder();
    folder.write("keys", "secret\n");
    const entry = json("ENTRYPOINT");
    expect(entry[1]?.endsWith("/agentlightning/dist/cli/main.js")).toBe(true);
    const url = await start([...entry.slice(2), ...json("CMD")], folder.path);
    const port = new URL(url).port;
    expect([
      await write(`http://127.0.0.1:${port}`, "secret"),
      await write(`http://127.0.0.1:${port}`, "guess"),
    ]).toEqual([201, 401]);
    const [, ...check] = json("HEALTHCHECK");
    const health = (at: string) =>
      spawnSync(
        process.execPath,
        check.map((arg) => arg.replace("4747", at)),
        { encoding: "utf8" },
      ).status;
    expect(health(port)).toBe(0);
    expect(health("1")).toBe(1);
  });
});

describe("the systemd unit", () => {
  it("starts a store that wants its file of keys", async () => {
    using folder = temporaryFolder();
    folder.write("keys", "secret\n");
    const url = await start(command.slice(2), folder.path);
    expect([await write(url, "secret"), await write(url, "guess")]).toEqual([201, 401]);
  });

  it.skipIf(!existsSync("/usr/bin/systemd-analyze"))("is one that systemd understands", () => {
    using folder = temporaryFolder();
    // Programs that are here: only their names differ.
    const file = folder.write("agl-store.service", unit.replace("/usr/bin/node", process.execPath));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    const about = stderr.split("\n").filter((line) => line.includes("agl-store"));
    expect([status, about]).toEqual([0, []]);
  });
});

describe("the nginx configuration", () => {
  it.skipIf(!existsSync("/usr/sbin/nginx") || !existsSync("/usr/bin/openssl"))(
    "serves the store over TLS: keys, long lists, and the names of requests",
    async () => {
      using folder = temporaryFolder();
      folder.write("keys", "secret\n");
      const url = await start(command.slice(2), folder.path);
      const [cert, key] = [`${folder.path}/cert.pem`, `${folder.path}/key.pem`];
      const subject = ["-subj", "/CN=store.example.com", "-days", "1"];
      execFileSync(
        "openssl",
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject],
        { stdio: "ignore" },
      );
      const socket = `${folder.path}/tls.sock`;
      const site = example("nginx.conf")
        .replace("127.0.0.1:4747", new URL(url).host)
        .replace("listen 443 ssl", `listen unix:${socket} ssl`)
        .replace("/etc/ssl/agl/fullchain.pem", cert)
        .replace("/etc/ssl/agl/privkey.pem", key);
      const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${folder.path}/${name};`,
      );
      const user = process.getuid?.() === 0 ? "user root;" : "";
      const whole = `${user} pid ${folder.path}/pid; error_log stderr; events {} http { access_log off; ${temp.join(" ")} ${site} }`;
      const config = folder.write("nginx.conf", whole);
      execFileSync("nginx", ["-c", config], { stdio: "ignore" });
      try {
        const curl = (path: string, ...more: string[]) =>
          execFileSync(
            "curl",
            ["-sk", "-i", "--unix-socket", socket, ...more, `https://store.example.com${path}`],
            { encoding: "utf8", maxBuffer: 1 << 28 },
          );
        const secret = ["-H", "x-api-key: secret"];
        expect(curl("/v1/agl/rollouts")).toContain("401");
        const rollouts = JSON.stringify({ rollouts: Array.from({ length: 500 }, (_, input) => ({ input })) });
        expect(curl("/v1/agl/queues/rollouts/enqueue", ...secret, "-d", rollouts)).toContain("201");
        const list = curl("/v1/agl/rollouts", ...secret);
        expect(list).toMatch(/"total":500\}$/);
        expect(list).toMatch(/x-request-id: [0-9a-f]{32}\r/i);
      } finally {
        execFileSync("nginx", ["-c", config, "-s", "stop"], { stdio: "ignore" });
      }
    },
  );
});
