// The AI SDK's two ways of telling: a tracing channel of Node's (version 7) and listeners registered for all (version 6).
import { tracingChannel } from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import { currentAgent } from "../../../src/tracing/context.js";
import { runInRollout } from "../../../src/tracing/run-in-rollout.js";
import { emitSpan } from "../../../src/tracing/span.js";
import { testScope } from "../test-scope.js";

const kTool = { toolName: "weather", toolCallId: "call-1", input: { city: "Paris" } };
const call = () => emitSpan({ name: "call", attributes: { agent: currentAgent() ?? "none" } });
const globals = globalThis as { AI_SDK_TELEMETRY_INTEGRATIONS?: Integration[] };

interface Integration {
  onStart(event: object): void;
  onToolCallStart(event: object): void;
  onToolCallFinish(event: object): void;
}

/** As version 7 does. */
async function generate(functionId: string | undefined, tool: () => unknown): Promise<void> {
  const channel = tracingChannel("ai:telemetry");
  const trace = (type: string, event: object, fn: () => Promise<unknown>) =>
    channel.tracePromise(fn, { type, event });
  await trace("generateText", { functionId }, async () => {
    call();
    await trace("executeTool", { toolCall: kTool }, async () => {
      try {
        return { output: { type: "tool-result", output: tool() } };
      } catch (error) {
        return { output: { type: "tool-error", error } };
      }
    });
    call();
  });
}

/** As version 6 does. */
async function generate6(functionId: string | undefined, tool: () => unknown): Promise<void> {
  await Promise.resolve();
  const all = globals.AI_SDK_TELEMETRY_INTEGRATIONS ?? [];
  for (const one of all) one.onStart({ functionId });
  await Promise.resolve();
  call();
  const toolCall = { ...kTool };
  const run = async () => {
    await Promise.resolve();
    for (const one of all) one.onToolCallStart({ toolCall });
    try {
      const output = tool();
      for (const one of all) one.onToolCallFinish({ toolCall, output });
    } catch (error) {
      for (const one of all) one.onToolCallFinish({ toolCall, error });
    }
  };
  await run();
  call();
}

const versions = [
  ["7", generate],
  ["6", generate6],
] as const;

describe.each(versions)("calls of the AI SDK, version %s", (_version, run) => {
  it("bear the functionId as their agent, and tools are spans with how they ended", async () => {
    const scope = testScope();
    await runInRollout(scope, async () => {
      await Promise.all([run("first", () => "sunny"), run("second", () => call())]);
      call();
      await run(undefined, () => {
        throw new Error("no weather");
      });
    });
    const agents = scope.spans
      .filter(({ name }) => name === "call")
      .map(({ attributes }) => attributes.agent);
    expect(agents.sort()).toEqual(["first", "first", "none", "none", "none", "second", "second", "second"]);
    const tools = scope.spans.filter(({ attributes }) => attributes["gen_ai.tool.name"] === "weather");
    expect(tools.map(({ status }) => status.description)).toEqual([null, null, "no weather"]);
    expect(tools[0]?.attributes).toMatchObject({
      "gen_ai.tool.call.id": "call-1",
      "gen_ai.tool.call.arguments": '{"city":"Paris"}',
      "gen_ai.tool.call.result": "sunny",
    });
    const inTool = scope.spans.filter(({ parentId }) => parentId === tools[1]?.spanId);
    expect(inTool.map(({ attributes }) => attributes.agent)).toEqual(["second"]);
  });

  it("are nobody's outside of rollouts, and nothing stays behind", async () => {
    const before = globals.AI_SDK_TELEMETRY_INTEGRATIONS?.length ?? 0;
    await runInRollout(testScope(), () => run("first", () => "sunny"));
    expect(globals.AI_SDK_TELEMETRY_INTEGRATIONS?.length ?? 0).toBe(before);
    expect(tracingChannel("ai:telemetry").start.hasSubscribers).toBe(false);
    await run("first", () => "sunny");
  });
});
