// The AI SDK. Version 7 runs its work inside a tracing channel of Node's, so that code inside of it is in our context; version 6 calls what is registered
// for all, in the async context of its work, before and after. An agent's name is the functionId of a call's telemetry.
import type { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { type ActiveContext, contextStorage, currentContext } from "../context.js";
import { type FrameworkSpan, openAgent, openTool } from "./framework-span.js";

/** Watches until the returned function is called. */
export function watchAiSdk(): () => void {
  const stops = [watchChannel(), register()];
  return () => {
    for (const stop of stops) stop();
  };
}

// --- internal ---

interface ToolEvent {
  readonly toolCall: { readonly toolName: string; readonly toolCallId: string; readonly input: unknown };
}

/** Of version 7. */
interface ChannelMessage {
  readonly type: string;
  readonly event: Partial<ToolEvent> & { readonly functionId?: string };
  readonly error?: unknown;
  readonly result?: { readonly output?: { readonly output?: unknown; readonly error?: unknown } };
}

const kAgents = new Set(["generateText", "streamText", "generateObject", "streamObject"]);

function watchChannel(): () => void {
  const channel = tracingChannel("ai:telemetry");
  const storage = contextStorage() as AsyncLocalStorage<ActiveContext>;
  const opened = new WeakMap<object, FrameworkSpan>();
  channel.start.bindStore(storage, (message) => {
    const span = openFor(message as ChannelMessage);
    if (span === undefined) return storage.getStore() as ActiveContext;
    opened.set(message as object, span);
    return span.inside;
  });
  const onEnd = (message: unknown): void => {
    const { error, result } = message as ChannelMessage;
    const failed = error ?? result?.output?.error;
    opened.get(message as object)?.end({ output: result?.output?.output, error: failed });
  };
  channel.asyncEnd.subscribe(onEnd);
  return () => {
    channel.start.unbindStore(storage);
    channel.asyncEnd.unsubscribe(onEnd);
  };
}

function openFor({ type, event }: ChannelMessage): FrameworkSpan | undefined {
  const { functionId, toolCall } = event;
  if (type === "executeTool" && toolCall !== undefined) return openTool(toTool(toolCall));
  return kAgents.has(type) && functionId !== undefined ? openAgent(functionId) : undefined;
}

function toTool({ toolName, toolCallId, input }: ToolEvent["toolCall"]) {
  return { name: toolName, id: toolCallId, input };
}

interface Registry {
  AI_SDK_TELEMETRY_INTEGRATIONS?: object[];
}

/** @returns takes it out of the list of integrations, which then is as it was */
function register(): () => void {
  const opened = new WeakMap<object, FrameworkSpan>();
  const integration = {
    onStart: (event: { readonly functionId?: string; readonly callId?: string }): void => {
      const context = currentContext();
      // Version 7 has ids of calls, and a channel.
      if (context === undefined || event.functionId === undefined || event.callId !== undefined) return;
      contextStorage().enterWith({ ...context, agent: event.functionId });
    },
    onToolCallStart: ({ toolCall }: ToolEvent): void => {
      const span = openTool(toTool(toolCall));
      if (span === undefined) return;
      opened.set(toolCall, span);
      contextStorage().enterWith(span.inside);
    },
    onToolCallFinish: ({
      toolCall,
      output,
      error,
    }: ToolEvent & { readonly output?: unknown; readonly error?: unknown }): void =>
      opened.get(toolCall)?.end({ output, error }),
  };
  const registry = globalThis as Registry;
  registry.AI_SDK_TELEMETRY_INTEGRATIONS ??= [];
  registry.AI_SDK_TELEMETRY_INTEGRATIONS.push(integration);
  return () => {
    const at = registry.AI_SDK_TELEMETRY_INTEGRATIONS?.indexOf(integration) ?? -1;
    if (at >= 0) registry.AI_SDK_TELEMETRY_INTEGRATIONS?.splice(at, 1);
  };
}
