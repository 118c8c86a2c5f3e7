// Which requests are model calls: the paths of the providers' interfaces and the hosts known to serve them.
import type { RouteAction } from "../types/model-call.js";

/**
 * Hosts whose model calls go to the policy unless a route says otherwise; a leading "*." stands for any subdomain.
 * Besides these: the hosts of the variables in kBaseUrlVariables.
 */
export const kProviderHosts: readonly string[] = [
  "api.openai.com",
  "*.openai.azure.com",
  "api.anthropic.com",
  "generativelanguage.googleapis.com",
  "api.cerebras.ai",
  "api.deepseek.com",
  "api.fireworks.ai",
  "api.groq.com",
  "api.mistral.ai",
  "api.perplexity.ai",
  "api.together.xyz",
  "api.x.ai",
  "openrouter.ai",
];

/** Environment variables by which clients are pointed at another base URL. */
export const kBaseUrlVariables: readonly string[] = [
  "OPENAI_BASE_URL",
  "OPENAI_API_BASE",
  "AZURE_OPENAI_ENDPOINT",
  "ANTHROPIC_BASE_URL",
  "GOOGLE_GEMINI_BASE_URL",
];

export interface ModelRouteOptions {
  /** More hosts (with their port) than kProviderHosts and those of the environment. */
  readonly hosts?: readonly string[];
  /** Model names whose calls pass to the provider and are recorded; "*" at the end stands for any rest. */
  readonly forward?: readonly string[];
  /** Model names whose calls pass unseen. */
  readonly ignore?: readonly string[];
}

/**
 * The default route of a rollout: every model name on a known host is served, except those listed; other hosts are
 * ignored. A model that is not known (null) is served.
 */
export function toModelRoute(
  options: ModelRouteOptions = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): (host: string, model: string | null) => RouteAction {
  const { hosts = [], forward = [], ignore = [] } = options;
  const known = [...kProviderHosts, ...hosts, ...environmentHosts(environment)];
  return (host, model) => {
    if (!known.some((pattern) => matchesHost(pattern, host))) return "ignore";
    if (model !== null && ignore.some((pattern) => matchesModel(pattern, model))) return "ignore";
    return model !== null && forward.some((pattern) => matchesModel(pattern, model)) ? "forward" : "serve";
  };
}

/** The interfaces that are model calls, by the end of the path, a slash behind it or not. Everything else (files, embeddings, lists) passes. */
export type ModelApi =
  | "openai.chat.completion"
  | "openai.completion"
  | "openai.response"
  | "anthropic.message"
  | "google.generate_content";

/** Which interface a POST to this path uses; undefined: none, no model call. The query is not looked at. */
export function modelApi(path: string): ModelApi | undefined {
  const bare = path.split("?", 1)[0] ?? "";
  return kPaths.find(([pattern]) => pattern.test(bare))?.[1];
}

/** The model's name in a request: from the body's `model`, else from the path (Azure, Google); null: not known. */
export function requestedModel(path: string, body: unknown): string | null {
  if (typeof body === "object" && body !== null && "model" in body && typeof body.model === "string")
    return body.model;
  const name = /\/(?:deployments|models)\/([^/:?]+)[/:]/.exec(path)?.[1];
  return name === undefined ? null : decodeName(name);
}

// --- internal ---

const kPaths: readonly (readonly [RegExp, ModelApi])[] = [
  [/\/chat\/completions\/?$/, "openai.chat.completion"],
  [/\/completions\/?$/, "openai.completion"],
  [/\/responses\/?$/, "openai.response"],
  [/\/v1\/messages\/?$/, "anthropic.message"],
  [/\/models\/[^/:]+:(?:g|streamG)enerateContent\/?$/, "google.generate_content"],
];

/** As it is written when it is no percent-encoding: the handler or the provider will say what is wrong. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function environmentHosts(environment: Readonly<Record<string, string | undefined>>): string[] {
  return kBaseUrlVariables.flatMap((name) => {
    const url = environment[name];
    return url !== undefined && URL.canParse(url) ? [new URL(url).host] : [];
  });
}

function matchesHost(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function matchesModel(pattern: string, model: string): boolean {
  return pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
}
