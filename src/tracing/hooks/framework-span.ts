// What an agent framework reports of itself, as spans of the rollout it runs in: agents by name, and tool calls with how they ended. The same spans as
// those of asAgent and operation, with OpenTelemetry's names for agents and tools beside ours.
import type { Attributes, AttributeValue } from "../../types/span.js";
import { toLenientAttributes } from "../attributes.js";
import {
  type ActiveContext,
  contextStorage,
  currentContext,
  type FrameworkPlace,
  isOver,
  runInContext,
} from "../context.js";
import { failureOf } from "../operation.js";
import { newSpanId, recordSpan, unixSeconds } from "../span.js";

export interface FrameworkSpan {
  readonly place: FrameworkPlace;
  /** The context of code inside of it. */
  readonly inside: ActiveContext;
  /** Records it, once. `error`: undefined when nothing failed. */
  end(result?: FrameworkResult): void;
}

interface FrameworkResult {
  /** Where it was not known at the beginning. */
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
}

interface ToolCall {
  readonly name: string;
  readonly id?: string | undefined;
  /** An object, or JSON text. */
  readonly input?: unknown;
}

/** An agent at work, where the code runs or at `at`; undefined outside of rollouts. */
export function openAgent(name: string, at = currentContext()): FrameworkSpan | undefined {
  return open(at, name, name, {
    ...{ "agent.name": name, "gen_ai.agent.name": name, "gen_ai.operation.name": "invoke_agent" },
  });
}

/** A tool at work; the same. */
export function openTool({ name, id, input }: ToolCall, at = currentContext()): FrameworkSpan | undefined {
  return open(at, name, null, {
    ...{ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name },
    ...(id === undefined ? {} : { "gen_ai.tool.call.id": id }),
    ...toInput(input),
  });
}

// --- internal ---

const kOperation = "agentlightning.operation";

function open(
  context: ActiveContext | undefined,
  name: string,
  agent: string | null,
  attributes: Attributes,
): FrameworkSpan | undefined {
  if (context === undefined || isOver(context)) return undefined;
  const spanId = newSpanId();
  const startTime = unixSeconds();
  const { life, parentId, traceId } = context;
  let isEnded = false;
  return {
    place: {
      life,
      under: contextStorage().getStore()?.parentId ?? null,
      spanId,
      agent: agent ?? context.agent,
      openedAt: startTime,
    },
    inside: { ...context, parentId: spanId, agent: agent ?? context.agent },
    end: ({ input, output, error } = {}) => {
      if (isEnded) return;
      isEnded = true;
      const ended = {
        ...attributes,
        ...toInput(input),
        [`${kOperation}.name`]: name,
        ...(agent === null ? put("gen_ai.tool.call.result", output) : {}),
        ...toLenientAttributes(`${kOperation}.output`, output),
      };
      const how =
        error === undefined
          ? { status: { code: "OK" as const, description: null }, events: [] }
          : failureOf(error);
      const span = { name: kOperation, spanId, parentId, traceId, attributes: ended, startTime };
      runInContext(context, () => recordSpan({ ...span, ...how, endTime: unixSeconds() }));
    },
  };
}

function toInput(input: unknown): Attributes {
  return {
    ...put("gen_ai.tool.call.arguments", input),
    ...toLenientAttributes(`${kOperation}.input`, input),
  };
}

/** As text: JSON, or what is text already. */
function put(key: string, value: unknown): Record<string, AttributeValue> {
  if (value === undefined || value === null) return {};
  if (typeof value === "string") return { [key]: value };
  try {
    return { [key]: JSON.stringify(value) ?? String(value) };
  } catch {
    return {}; // The flattened form beside it says what can be said.
  }
}
