// docs/runners.md as it is read: its files, its command, one after the other.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { main } from "../cli/agl.js";
import { qwen2 } from "../policy/fixture-models.js";
import { root } from "../rules/sources.js";

const page = readFileSync(join(root, "docs", "runners.md"), "utf8");
const files = [...page.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)];
const command = /^npx agl (runner .*)$/m.exec(page)?.[1]?.split(" ") ?? [];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

it("trains as it says, with the runner that it starts", { timeout: 60_000 }, async () => {
  // Below the package, which the files import by its name.
  const cwd = mkdtempSync(join(root, "test", "docs", "runners-"));
  const start = (args: readonly string[], env: Record<string, string> = {}) =>
    spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
  const runner = { kill: () => undefined as unknown };
  try {
    for (const [, name = "", text = ""] of files) writeFileSync(join(cwd, name), text);
    const trainer = start(["train.mjs"], { MODEL: qwen2, PORT: String(await freePort()) });
    const child = start([main, ...command]);
    runner.kill = () => child.kill("SIGKILL");
    let printed = "";
    trainer.stdout.on("data", (text) => {
      printed += text;
    });
    const [status] = await once(trainer, "close");
    expect([status, printed]).toEqual([0, "8 8\n"]);
  } finally {
    runner.kill();
    rmSync(cwd, { recursive: true });
  }
});
