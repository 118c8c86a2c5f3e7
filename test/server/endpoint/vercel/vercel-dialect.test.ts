import { describe, expect, it } from "vitest";
import { type DialectClient, dialectLaws, type Said, type Wire } from "../dialect-laws.js";
import { scripted } from "../scripted-policy.js";

const kTool = {
  type: "function",
  name: "add",
  inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
};

function toSaid({ content, finishReason, usage, providerMetadata }: Wire): Said {
  const parts = (type: string) => content.filter((part: Wire) => part.type === type);
  return {
    id: providerMetadata.gateway.generationId,
    text: parts("text")
      .map(({ text }: Wire) => text)
      .join(""),
    calls: parts("tool-call").map(({ toolCallId, toolName, input }: Wire) => {
      return { id: toolCallId, name: toolName, arguments: JSON.parse(input) };
    }),
    stop: finishReason.raw,
    usage: { input: usage.inputTokens.total, output: usage.outputTokens.total },
  };
}

function partsOf(text: string): Wire[] {
  return text
    .split("\n\n")
    .filter(Boolean)
    .map((event) => JSON.parse(event.replace(/^data: /, "")));
}

/** An answer's content goes back as an assistant's: calls with their input parsed. */
function toContent({ content }: Wire): Wire {
  return content.map((part: Wire) =>
    part.type === "tool-call" ? { ...part, input: JSON.parse(part.input) } : part,
  );
}

const kHeaders = {
  "ai-language-model-id": "openai/gpt-4o",
  "ai-language-model-specification-version": "4",
};

const client: DialectClient = {
  name: "vercel.language_model",
  path: () => "/v4/ai/language-model",
  headers: ({ stream = false }) => ({ ...kHeaders, "ai-language-model-streaming": `${stream}` }),
  body: ({ system, turns, hasTools, stop, maxTokens }) => ({
    prompt: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      ...turns.map((turn) => {
        if ("user" in turn) return { role: "user", content: [{ type: "text", text: turn.user }] };
        if ("answer" in turn) return { role: "assistant", content: toContent(turn.answer) };
        const output = { type: "text", value: turn.result };
        const { id: toolCallId, name: toolName } = turn.call;
        return { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output }] };
      }),
    ],
    ...(hasTools ? { tools: [kTool], toolChoice: { type: "auto" } } : {}),
    ...(stop === undefined ? {} : { stopSequences: [stop] }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
  }),
  read: toSaid,
  readStream(text) {
    const parts = partsOf(text);
    expect(parts.slice(0, 2).map(({ type }) => type)).toEqual(["stream-start", "response-metadata"]);
    const open = new Set<string>();
    const inputs = new Map<string, string>();
    let said = "";
    for (const { type, id, delta } of parts.slice(2)) {
      if (type.endsWith("-start")) open.add(id);
      if (type.endsWith("-delta") && !open.has(id)) throw new Error(`${type} outside of its part`);
      if (type.endsWith("-end") && !open.delete(id)) throw new Error(`${type} ends nothing`);
      if (type === "text-delta") said += delta;
      if (type === "tool-input-delta") inputs.set(id, (inputs.get(id) ?? "") + delta);
    }
    if (open.size > 0) throw new Error("a part has no end");
    const finish = parts.at(-1);
    if (finish.type !== "finish") throw new Error("the stream has no end");
    const calls = parts.filter(({ type }) => type === "tool-call");
    for (const { toolCallId, input } of calls) expect(inputs.get(toolCallId)).toBe(input);
    expect(parts[1].id).toBe(finish.providerMetadata.gateway.generationId);
    return toSaid({ ...finish, content: [{ type: "text", text: said }, ...calls] });
  },
  readError({ error }) {
    if (!["invalid_request_error", "server_error"].includes(error.type))
      throw new Error(`type ${error.type}`);
    return error.message;
  },
  readStreamError: (text) => partsOf(text).at(-1).error.message,
};

dialectLaws(client);

describe("the gateway's language-model route", () => {
  const ask = (more: object, headers: Record<string, string> = kHeaders) =>
    scripted(["a"], 1024).send(
      { ...client.body({ turns: [{ user: "hi" }] }), ...more },
      "/v3/ai/language-model",
      {
        headers,
      },
    );
  const said = (content: unknown) => ({ prompt: [{ role: "user", content }] });

  it.each([
    [said([{ type: "file", mediaType: "image/png", data: "aGk=" }]), "prompt.0.content.0.type"],
    [said([{ type: "reasoning", text: "hm" }]), "prompt.0.content.0.type"],
    [
      { tools: [{ type: "provider", id: "openai.web_search", name: "web_search", args: {} }] },
      "tools.0.type",
    ],
    [{ presencePenalty: 1 }, "presencePenalty"],
    [{ toolChoice: { type: "tool" } }, "toolChoice.toolName"],
  ])("refuses %j by name", async (more, param) => {
    const response = await ask(more);
    const { error } = (await response.json()) as Wire;
    expect([response.status, error.param]).toEqual([400, param]);
  });

  it("refuses a call without a model, and another version of the specification", async () => {
    for (const [headers, name] of [
      [{}, "ai-language-model-id"],
      [{ ...kHeaders, "ai-language-model-specification-version": "2" }, "specification-version"],
    ] as const) {
      const response = await ask({}, headers);
      expect(response.status).toBe(400);
      expect(((await response.json()) as Wire).error.message).toContain(name);
    }
  });

  it("passes options of providers over", async () => {
    const policy = scripted(["a"], 1024);
    const body = { ...client.body({ turns: [{ user: "hi" }] }), providerOptions: { openai: { user: "x" } } };
    const response = await policy.send(body, "/v4/ai/language-model", { headers: kHeaders });
    expect([response.status, policy.calls[0]?.request.ignored]).toEqual([200, []]);
  });

  it.each([
    [{ type: "json", value: { a: 1 } }, '{"a":1}'],
    [{ type: "error-text", value: "no" }, "no"],
    [{ type: "execution-denied" }, "The call was not allowed."],
    [{ type: "content", value: [{ type: "text", text: "x" }] }, "x"],
  ])("reads a tool's result that is %j", async (output, text) => {
    const policy = scripted(["a"], 2048);
    const call = { type: "tool-call", toolCallId: "1", toolName: "add", input: { a: 1 } };
    const prompt = [
      { role: "user", content: [{ type: "text", text: "hi" }] },
      { role: "assistant", content: [call] },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "1", toolName: "add", output }] },
    ];
    await policy.send({ prompt, tools: [kTool] }, "/v4/ai/language-model", { headers: kHeaders });
    expect(policy.calls[0]?.request.messages.at(-1)).toMatchObject({ role: "tool", content: text });
  });
});
