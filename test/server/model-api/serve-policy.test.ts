// A trained policy alone on a port: models by name, every dialect, and weights that change while calls run.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sft } from "../../../src/algorithms/sft.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import type { Policy, SampleOptions } from "../../../src/policy/policy.js";
import { type PolicyServer, servePolicy } from "../../../src/server/model-api/serve-policy.js";
import { type ServedAdapters, serveAdapters } from "../../../src/server/model-api/served-adapters.js";
import type { Json } from "../../policy/fixture-models.js";
import { tinyModel } from "../../trainer/tiny-policy.js";

const dir = mkdtempSync(join(tmpdir(), "agl-serve-"));
let folder: string;
let policy: Policy;
let adapters: ServedAdapters;
let server: PolicyServer;
const added: string[] = [];
const removed: string[] = [];
const told: string[] = [];

/** An adapter that answers with this letter. */
async function saveLetter(letter: string, name: string): Promise<void> {
  await using trained = await loadPolicy(folder, { threads: 1, contextLength: 64, adapter: { rank: 8 } });
  const [token = 0] = trained.tokenizer.encode(letter);
  const tokens = [...trained.tokenizer.encode("abc"), ...Array.from({ length: 8 }, () => token)];
  const mask = tokens.slice(1).map((_, at) => (at >= 2 ? 1 : 0));
  const teacher = sft({ lr: 0.05 });
  for (let i = 0; i < 20; i++) await teacher.trainOn(trained, [{ tokens, mask }]);
  await trained.saveAdapter(join(dir, name));
}

/** What a call of the policy waits for before it ends. */
let gate: Promise<void> = Promise.resolve();

beforeAll(async () => {
  folder = await tinyModel({ contextLength: 1024 });
  await saveLetter("d", "first");
  await saveLetter("e", "second");
  await saveLetter("f", "third");
  policy = await loadPolicy(folder, {
    ...{ threads: 1, contextLength: 512, adapter: { rank: 1 }, runningSamples: "carry" },
  });
  const watched = {
    sample: async (options: SampleOptions) => {
      const end = gate;
      const sampled = await policy.sample(options);
      await end;
      return sampled;
    },
    addAdapter: (name: string, from: string) => {
      added.push(name);
      return policy.addAdapter(name, from);
    },
    removeAdapter: (name: string) => {
      removed.push(name);
      return policy.removeAdapter(name);
    },
  };
  adapters = await serveAdapters({
    ...{ policy: watched as never, name: "tiny", anyName: false },
    adapters: ["first", "second"].map((name) => ({ name, folder: join(dir, name) })),
  });
  server = await servePolicy({
    ...{ policy, adapters, host: "127.0.0.1", port: 0, keys: ["all"], readKeys: ["look"], corsOrigins: [] },
    ...{ maxBodyBytes: 1 << 16, maxInFlight: 8, accessLog: false },
    log: ({ message }) => told.push(message),
  });
});
afterAll(async () => {
  await server.close();
  await policy.close();
  rmSync(dir, { recursive: true });
});

const call = (path: string, body?: object, headers: Record<string, string> = { "x-api-key": "all" }) =>
  fetch(`${server.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const chat = (model: string, more: object = {}) => ({
  ...{ model, messages: [{ role: "user", content: "abc" }], temperature: 0, max_tokens: 4, ...more },
});
const jsonOf = async (response: Response): Promise<Json> => await response.json();
const contentOf = async (model: string, more: object = {}): Promise<string> =>
  (await jsonOf(await call("/v1/chat/completions", chat(model, more)))).choices[0].message.content;

describe("a policy that is served alone", () => {
  it("answers by the adapter that the model's name says, and refuses a name that is none", async () => {
    expect([await contentOf("first"), await contentOf("second")]).toEqual(["dddd", "eeee"]);
    expect(["dddd", "eeee"]).not.toContain(await contentOf("tiny"));
    const { data } = await jsonOf(await call("/v1/models"));
    expect(data.map(({ id }: { id: string }) => id)).toEqual(["first", "second", "tiny"]);
    expect((await call("/v1/models/second")).status).toBe(200);
    const unknown = await call("/v1/chat/completions", chat("gpt-4o"));
    expect(unknown.status).toBe(404);
    expect((await jsonOf(unknown)).error).toMatchObject({ code: "model_not_found", param: "model" });
  });

  it("speaks every dialect, and takes keys as its clients send them", async () => {
    const message = { role: "user", content: "abc" };
    const asked: readonly (readonly [string, object, Record<string, string>])[] = [
      ["/v1/chat/completions", chat("first", { stream: true }), { authorization: "Bearer all" }],
      [
        "/v1/responses",
        { model: "first", input: "abc", temperature: 0, max_output_tokens: 4 },
        { "x-api-key": "all" },
      ],
      [
        "/v1/messages",
        { model: "first", messages: [message], max_tokens: 4, temperature: 0 },
        { "x-api-key": "all" },
      ],
      [
        "/v1beta/models/first:generateContent?key=all",
        {
          contents: [{ role: "user", parts: [{ text: "abc" }] }],
          generationConfig: { temperature: 0, maxOutputTokens: 4 },
        },
        {},
      ],
      [
        "/api/chat",
        { model: "first", messages: [message], stream: false, options: { temperature: 0, num_predict: 4 } },
        { "x-goog-api-key": "all" },
      ],
    ];
    for (const [path, body, headers] of asked) {
      const response = await call(path, body, headers);
      const text = await response.text();
      expect([path, response.status, text]).toEqual([path, 200, expect.stringMatching(/dddd|"d"/)]);
    }
    expect((await call("/v1/messages", chat("first"), {})).status).toBe(401);
    expect((await call("/v1/messages", chat("first"), { "x-api-key": "look" })).status).toBe(403);
    expect((await call("/health", undefined, {})).status).toBe(200);
    const metrics = await (await call("/metrics", undefined, { "x-api-key": "look" })).text();
    expect(metrics).toContain('agl_http_total{method="POST",path="openai.chat.completion",status="200"}');
    expect(metrics).toMatch(/agl_policy_sampled_tokens \d{2,}/);
  });

  it("changes an adapter's weights without dropping a stream that runs on the old ones", async () => {
    const whole = await contentOf("first", { max_tokens: 400 });
    let open = (): void => undefined;
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const stream = await call("/v1/chat/completions", chat("first", { stream: true, max_tokens: 400 }));
    const reader = stream.body!.getReader();
    let had = Buffer.from((await reader.read()).value!).toString();
    gate = Promise.resolve();
    cpSync(join(dir, "third"), join(dir, "first"), { recursive: true });
    const reloaded = await jsonOf(await call("/admin/reload", {}));
    expect(reloaded).toEqual({ first: "swapped", second: "unchanged" });
    expect(await contentOf("first")).toBe("ffff");
    expect([adapters.running, removed]).toEqual([1, []]);
    open();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      had += Buffer.from(piece.value).toString();
    expect(had).toContain("data: [DONE]");
    const letters = [...had.matchAll(/"content":"(\w+)"/g)].map(([, found]) => found).join("");
    expect(letters).toBe(whole);
    // Freed once nothing runs.
    await call("/admin/reload", {});
    expect([added.length, removed]).toEqual([3, [added[0]]]);
  });

  it("keeps the old weights where a folder cannot be used, and says why", async () => {
    rmSync(join(dir, "second", "adapter_model.safetensors"));
    const { second } = await jsonOf(await call("/admin/reload", {}));
    expect(second).toContain("adapter_model.safetensors");
    expect(told.some((line) => line.startsWith("adapter second: "))).toBe(true);
    expect(await contentOf("second")).toBe("eeee");
  });

  it("tells of too large a body, and what is no path of it, in the client's shape", async () => {
    const large = await call("/v1/messages", { ...chat("first"), system: "a".repeat(1 << 17) });
    expect([large.status, (await jsonOf(large)).type]).toEqual([413, "error"]);
    expect((await call("/v1/embeddings", {})).status).toBe(404);
  });
});
