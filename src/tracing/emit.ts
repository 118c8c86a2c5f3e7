// What agents say about themselves: rewards, messages, objects, exceptions, annotations. Span names and attributes are
// those of the Python system (0.3). Two differences: outside a rollout the arguments are checked and nothing else
// happens; a reward must be finite.
import { argumentError, showValue } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Attributes } from "../types/span.js";
import { toAttributes } from "./attributes.js";
import { jsonType, toLiteral, toPythonJson } from "./python-values.js";
import { emitSpan } from "./span.js";

/** Nested values are flattened to dotted keys; nulls are left out. */
export interface EmitOptions {
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface EmitRewardOptions extends EmitOptions {
  /** Which of several rewards is the one that credit uses. Required with a record. */
  readonly primaryKey?: string;
}

/**
 * Emits an intermediate reward, or several under names (the primary first). A boolean is 1 or 0.
 * @throws E_ARGUMENT when a value is not a finite number or the primary key is missing
 */
export function emitReward(
  reward: number | boolean | Readonly<Record<string, number | boolean>>,
  options: EmitRewardOptions = {},
): void {
  checkOptions("emitReward", options, kRewardNames);
  const { primaryKey, attributes = {} } = options;
  const rewards =
    typeof reward === "object" && reward !== null
      ? orderRewards(reward, primaryKey)
      : [{ name: "primary", value: toReward("the reward", reward) }];
  const given = toAttributes("emitReward", "attributes", attributes, "drop");
  emitSpan({ name: "agentlightning.annotation", attributes: { ...rewardAttributes(rewards), ...given } });
}

/** @throws E_ARGUMENT when the message is not a string */
export function emitMessage(message: string, options: EmitOptions = {}): void {
  checkOptions("emitMessage", options, kNames);
  if (typeof message !== "string") throw argumentError("emitMessage", "the message to be a string", message);
  const given = toAttributes("emitMessage", "attributes", options.attributes ?? {}, "drop");
  emitSpan({
    name: "agentlightning.message",
    attributes: { ...given, "agentlightning.message.body": message },
  });
}

/**
 * Emits a value: scalars and bytes as a literal (bytes in base64), all else as JSON.
 * @throws E_ARGUMENT when JSON cannot hold it
 */
export function emitObject(value: unknown, options: EmitOptions = {}): void {
  checkOptions("emitObject", options, kNames);
  const given = toAttributes("emitObject", "attributes", options.attributes ?? {}, "drop");
  emitSpan({ name: "agentlightning.object", attributes: { ...given, ...objectAttributes(value) } });
}

/**
 * Emits an error that the agent caught; the span's own status stays OK.
 * @throws E_ARGUMENT when it is not an Error
 */
export function emitException(error: Error, options: EmitOptions = {}): void {
  checkOptions("emitException", options, kNames);
  if (!isError(error)) throw argumentError("emitException", "an Error", error);
  const given = toAttributes("emitException", "attributes", options.attributes ?? {}, "drop");
  emitSpan({ name: "agentlightning.exception", attributes: { ...given, ...exceptionAttributes(error) } });
}

/**
 * Emits facts about the rollout: nested values are flattened to dotted keys, empty ones vanish.
 * @throws E_ARGUMENT when a leaf is no string, finite number, boolean, or list of one of these (null is refused)
 */
export function emitAnnotation(annotation: Readonly<Record<string, unknown>>): void {
  const attributes = toAttributes("emitAnnotation", "the annotation", annotation, "refuse");
  emitSpan({ name: "agentlightning.annotation", attributes });
}

/** OpenTelemetry's attributes of an exception; the type is the bare class name. Never throws. */
export function exceptionAttributes(error: unknown): Attributes {
  try {
    if (isError(error)) return readError(error);
  } catch {
    // A getter or a proxy that throws itself: nothing of it can be read.
  }
  return {
    "exception.type": typeof error,
    "exception.message": showValue(error),
    "exception.escaped": true,
  };
}

// --- internal ---

const kNames: OptionNames<EmitOptions> = { attributes: ["attrs", "metadata", "tags", "extra"] };
const kRewardNames: OptionNames<EmitRewardOptions> = { ...kNames, primaryKey: ["primary", "key"] };

interface NamedReward {
  readonly name: string;
  readonly value: number;
}

function orderRewards(
  rewards: Readonly<Record<string, unknown>>,
  primaryKey: string | undefined,
): NamedReward[] {
  const named = Object.entries(rewards).map(([name, value]) => ({
    name,
    value: toReward(`reward ${name}`, value),
  }));
  if (primaryKey === undefined) {
    throw argumentError(
      "emitReward",
      "primaryKey with several rewards",
      undefined,
      "name the one that counts",
    );
  }
  const primary = named.find(({ name }) => name === primaryKey);
  if (primary === undefined) {
    const names = named.map(({ name }) => JSON.stringify(name)).join(", ") || "none";
    throw argumentError("emitReward", `primaryKey to be one of the rewards (${names})`, primaryKey);
  }
  return [primary, ...named.filter((reward) => reward !== primary)];
}

function toReward(what: string, value: unknown): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw argumentError("emitReward", `${what} to be a finite number`, value);
}

function rewardAttributes(rewards: readonly NamedReward[]): Attributes {
  return Object.fromEntries(
    rewards.flatMap(({ name, value }, n) => [
      [`agentlightning.reward.${n}.name`, name],
      [`agentlightning.reward.${n}.value`, value],
    ]),
  );
}

function objectAttributes(value: unknown): Attributes {
  const scalar = toLiteral(value);
  if (scalar !== undefined) {
    return {
      "agentlightning.object.type": scalar.type,
      "agentlightning.object.literal": scalar.literal,
    };
  }
  const json = toPythonJson("emitObject", value);
  return { "agentlightning.object.type": jsonType(value), "agentlightning.object.json": json };
}

function readError(error: Error): Attributes {
  const { stack } = error as { readonly stack?: unknown };
  return {
    "exception.type": String(error.constructor?.name || error.name || "Error"),
    "exception.message": String(error.message),
    ...(typeof stack === "string" ? { "exception.stacktrace": stack } : {}),
    "exception.escaped": true,
  };
}

// Errors of another realm (a vm context, a test runner) are errors too.
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}
