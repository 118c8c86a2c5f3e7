// Spans around pieces of an agent: operations with inputs and outputs, and agents by name. Both run the function at
// once, whether it returns a value or a promise, and do nothing else outside a rollout.
import { argumentError } from "../base/check.js";
import type { Attributes, SpanDraft } from "../types/span.js";
import { toAttributes, toLenientAttributes } from "./attributes.js";
import { currentContext, runWith } from "./context.js";
import { exceptionAttributes } from "./emit.js";
import { draftSpan, newSpanId, recordSpan, unixSeconds } from "./span.js";

/** What the function of an operation can say about it. */
export interface Operation {
  /** A record gives `agentlightning.operation.input.NAME`, a list `agentlightning.operation.input.args.N`. */
  setInput(input: Readonly<Record<string, unknown>> | readonly unknown[]): void;
  /** Replaces the returned value as the output. */
  setOutput(output: unknown): void;
}

/**
 * Runs `fn` inside a span `agentlightning.operation`; spans made inside have it as their parent. What `fn` returns is
 * its output. A throw or rejection gives status ERROR with an exception event, and is passed on.
 * @param attributes  more attributes of the span; nested values are flattened, nulls left out
 * @throws E_ARGUMENT when the name is empty or the attributes are no plain data
 */
export function operation<T>(name: string, fn: (operation: Operation) => T): T;
export function operation<T>(
  name: string,
  attributes: Readonly<Record<string, unknown>>,
  fn: (operation: Operation) => T,
): T;
export function operation<T>(
  name: string,
  second: Readonly<Record<string, unknown>> | ((operation: Operation) => T),
  third?: (operation: Operation) => T,
): T {
  const fn = typeof second === "function" ? second : third;
  const given = typeof second === "function" ? {} : second;
  if (typeof fn !== "function") throw argumentError("operation", "a function", fn, kOperationForm);
  checkName("operation", name);
  const attributes = toAttributes("operation", "attributes", given, "drop");
  return runSpan({ ...attributes, "agentlightning.operation.name": name }, {}, fn);
}

/**
 * Names the agent for the model calls inside: adapters and routes read it. The innermost name counts.
 * @throws E_ARGUMENT when the name is empty
 */
export function asAgent<T>(name: string, fn: () => T): T {
  checkName("asAgent", name);
  if (typeof fn !== "function")
    throw argumentError("asAgent", "a function", fn, 'as in asAgent("planner", () => plan(task))');
  return runSpan({ "agent.name": name, "agentlightning.operation.name": name }, { agent: name }, fn, false);
}

/** Status and event of a span whose work threw. */
export function failureOf(error: unknown): Pick<SpanDraft, "status" | "events"> {
  const attributes = exceptionAttributes(error);
  return {
    status: { code: "ERROR" as const, description: String(attributes["exception.message"]) },
    events: [{ name: "exception", attributes, timestamp: unixSeconds() }],
  };
}

// --- internal ---

const kOperationForm = 'as in operation("search", () => search(query))';
const kPrefix = "agentlightning.operation";

function runSpan<T>(
  initial: Attributes,
  change: { readonly agent?: string },
  fn: (operation: Operation) => T,
  keepsOutput = true,
): T {
  if (currentContext() === undefined) return fn({ setInput: ignore, setOutput: ignore });
  const spanId = newSpanId();
  const startTime = unixSeconds();
  let inputs: Attributes = {};
  let output: { readonly value: unknown } | undefined;
  const handle: Operation = {
    setInput: (input) => {
      inputs = { ...inputs, ...toInputs(input) };
    },
    setOutput: (value) => {
      output = { value };
    },
  };
  const end = (result: unknown, thrown?: { readonly error: unknown }): void => {
    const returned = keepsOutput && thrown === undefined ? result : undefined;
    const outputs = toLenientAttributes(`${kPrefix}.output`, output === undefined ? returned : output.value);
    const span = draftSpan({
      ...{ name: kPrefix, spanId, startTime },
      attributes: { ...initial, ...inputs, ...outputs },
      ...(thrown === undefined ? {} : failureOf(thrown.error)),
    });
    if (span !== undefined) recordSpan(span);
  };
  return settle(() => runWith({ ...change, parentId: spanId }, () => fn(handle)), end);
}

// Calls `end` when the function has returned or its promise has settled, in the caller's context; passes both on.
function settle<T>(run: () => T, end: (result: unknown, thrown?: { readonly error: unknown }) => void): T {
  let result: T;
  try {
    result = run();
  } catch (error) {
    end(undefined, { error });
    throw error;
  }
  if (!isThenable(result)) {
    end(result);
    return result;
  }
  const settled = result.then(
    (value) => {
      end(value);
      return value;
    },
    (error: unknown) => {
      end(undefined, { error });
      throw error;
    },
  );
  return settled as T;
}

// Each input is flattened by itself, so that a list of numbers does not melt into one attribute.
function toInputs(input: Readonly<Record<string, unknown>> | readonly unknown[]): Attributes {
  try {
    const prefix = Array.isArray(input) ? `${kPrefix}.input.args` : `${kPrefix}.input`;
    const items = Object.entries(input).map(([key, value]) => toLenientAttributes(`${prefix}.${key}`, value));
    return Object.assign({}, ...items);
  } catch {
    // Not a record, or one that cannot be read: it is told as a whole.
    return toLenientAttributes(`${kPrefix}.input`, input);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function checkName(who: string, name: unknown): void {
  if (typeof name !== "string" || name === "") throw argumentError(who, "a name that is not empty", name);
}

function ignore(): undefined {
  return undefined;
}
