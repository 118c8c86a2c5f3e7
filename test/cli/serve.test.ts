// agl serve as users run it: built, in a process of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { tinyModel } from "../trainer/tiny-policy.js";
import { agl } from "./agl.js";

const dir = mkdtempSync(join(tmpdir(), "agl-serve-"));
let model: string;
beforeAll(async () => {
  model = await tinyModel();
  await using policy = await loadPolicy(model, { threads: 1, contextLength: 64, adapter: { rank: 4 } });
  await policy.saveAdapter(join(dir, "trained"));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("agl serve", () => {
  it("answers by model and adapters, reads its folders again at SIGHUP, and ends at SIGTERM", async () => {
    const folder = join(dir, "trained");
    const served = agl([
      ...["serve", "--model", model, "--model-name", "tiny", "--adapter", folder, "--adapter", `b=${folder}`],
      ...["--port", "0", "--context-length", "64", "--threads", "1"],
    ]);
    const [, names, url] = await served.says(/info (.*) at (http:\S+)/);
    expect(names).toBe("trained, b, tiny");
    for (const name of ["trained", "b", "tiny"]) {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model: name, messages: [{ role: "user", content: "abc" }], max_tokens: 3 }),
      });
      expect(response.status).toBe(200);
    }
    served.child.kill("SIGHUP");
    await served.says(/adapter b: unchanged/);
    served.child.kill("SIGTERM");
    expect(await served.done).toBe(0);
  });

  it("asks for a key where other machines reach it, and its help has examples", async () => {
    const open = agl(["serve", "--model", model, "--host", "0.0.0.0", "--port", "0"], {
      env: { AGL_KEY: "" },
    });
    expect(await open.done).toBe(2);
    expect(open.output.err).toContain("expected a key for a host that other machines reach");
    const help = agl(["serve", "--help"]);
    expect(await help.done).toBe(0);
    expect(help.output.out).toContain("agl serve --model ./Qwen2.5-0.5B-Instruct --adapter ./adapter");
  });

  it.each([
    [["--adapter", "./nowhere"], "nowhere"],
    [["--adapter", "x=."], "adapter_config.json"],
    [["--adapter", "a=1", "--adapter", "a=2"], "a twice"],
  ])("refuses %j before it listens", async (words, said) => {
    const served = agl(["serve", "--model", model, "--context-length", "64", "--port", "0", ...words]);
    expect(await served.done).not.toBe(0);
    expect(served.output.err).toContain(said);
    expect(served.output.err).not.toMatch(/\n\s+at /);
  });
});
