// What a chat template sees besides the conversation, as an option: variables, and the date that it prints. Never the clock, which would
// make other prompts of the same run on the next day.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { strftime } from "../../jinja/strftime.js";

/** Variables by name, such as enable_thinking: data that survives JSON. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/** The date that Llama's templates fall back to. */
export const kDefaultDate = "2024-07-26";

/** What a policy renders with where a call says nothing else. */
export interface TemplateDefaults {
  readonly variables: TemplateVariables;
  readonly moment: Date;
}

/** @throws E_ARGUMENT as checkVariables and checkDate do */
export function checkTemplate(
  who: string,
  { template, date }: { readonly template?: unknown; readonly date?: unknown } = {},
): TemplateDefaults {
  const asked = date === undefined ? {} : dateVariables(checkDate(who, "date", date));
  return {
    variables: { ...asked, ...checkVariables(who, "template", template) },
    moment: checkDate(who, "date", date ?? kDefaultDate),
  };
}

/**
 * @returns the variables, none for undefined
 * @throws E_ARGUMENT when they are no object, hold what JSON cannot, or hide what the conversation itself says
 */
export function checkVariables(who: string, name: string, variables: unknown): TemplateVariables {
  if (variables === undefined || variables === null) return {};
  if (!isRecord(variables))
    throw argumentError(who, `${name} to be an object of template variables`, variables);
  for (const [variable, remedy] of Object.entries(kReserved)) {
    if (!Object.hasOwn(variables, variable)) continue;
    const got = `${name}.${variable}`;
    throw new LightningError(
      "E_ARGUMENT",
      `${who}: expected no ${got}, which is no free variable; ${remedy}`,
    );
  }
  for (const [variable, value] of Object.entries(variables)) checkData(who, `${name}.${variable}`, value, 0);
  return variables;
}

/**
 * @param date  as "2026-03-10" or "2026-03-10T14:30" or "2026-03-10T14:30:05"
 * @returns the moment, whose UTC fields are the date's
 * @throws E_ARGUMENT
 */
export function checkDate(who: string, name: string, date: unknown): Date {
  if (typeof date === "string") {
    const [, day, time] = kIsoDate.exec(date) ?? [];
    const moment = new Date(`${day}T${time ?? "00:00"}Z`);
    if (day !== undefined && !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(day))
      return moment;
  }
  const remedy = "to print today's, give new Date().toISOString().slice(0, 10)";
  throw argumentError(who, `${name} to be a date such as "${kDefaultDate}"`, date, remedy);
}

/**
 * What templates of Llama's family print for the date. It is set where a date was asked for: templates that find none print their own, which
 * is the default, or no date at all.
 */
export function dateVariables(moment: Date): TemplateVariables {
  return { date_string: strftime(moment, "%d %b %Y") };
}

// --- internal ---

const kIsoDate = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?))?$/;

const kReserved: Readonly<Record<string, string>> = {
  messages: "give the messages as messages",
  tools: "give them as tools of the call",
  add_generation_prompt: "it is the option addGenerationPrompt of policy.renderChat",
};

const kMaxDepth = 64;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  return Object.prototype.toString.call(value) === "[object Object]";
}

function checkData(who: string, place: string, value: unknown, depth: number): void {
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean")
    return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  const isTooDeep = depth > kMaxDepth;
  if (!isTooDeep && Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkData(who, `${place}[${i}]`, item, depth + 1);
  } else if (!isTooDeep && isRecord(value)) {
    for (const [name, item] of Object.entries(value)) checkData(who, `${place}.${name}`, item, depth + 1);
  } else {
    throw argumentError(who, `${place} to be data that JSON can hold`, isTooDeep ? "deeper nesting" : value);
  }
}
