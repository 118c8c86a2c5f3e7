// Which hosts serve models, and what a rollout does with calls to them.
import type { RouteAction } from "../types/model-call.js";
import { kEndpointHost } from "./rollout-name.js";

/**
 * Hosts whose model calls go to the policy unless a route says otherwise; "*" at the beginning stands for anything, "*." so for any subdomain.
 * Besides these: the hosts of the variables in kBaseUrlVariables.
 */
export const kProviderHosts: readonly string[] = [
  "api.openai.com",
  "*.api.openai.com",
  "*.openai.azure.com",
  "*.openai.azure.us",
  "*.services.ai.azure.com",
  "*.services.ai.azure.us",
  "*.cognitiveservices.azure.com",
  "api.anthropic.com",
  "generativelanguage.googleapis.com",
  "aiplatform.googleapis.com",
  "*.aiplatform.googleapis.com",
  "*-aiplatform.googleapis.com",
  "ai-gateway.helicone.ai",
  "ai-gateway.vercel.sh",
  "anthropic.helicone.ai",
  "api-inference.huggingface.co",
  "api.cerebras.ai",
  "api.cloudflare.com",
  "api.cohere.com",
  "api.deepinfra.com",
  "api.deepseek.com",
  "api.fireworks.ai",
  "api.groq.com",
  "api.hyperbolic.xyz",
  "api.kimi.com",
  "api.minimax.io",
  "api.minimaxi.com",
  "api.mistral.ai",
  "api.moonshot.ai",
  "api.moonshot.cn",
  "api.novita.ai",
  "api.perplexity.ai",
  "api.sambanova.ai",
  "api.siliconflow.com",
  "api.studio.nebius.com",
  "api.together.xyz",
  "api.tokenfactory.nebius.com",
  "api.x.ai",
  "api.z.ai",
  "dashscope-intl.aliyuncs.com",
  "dashscope-us.aliyuncs.com",
  "dashscope.aliyuncs.com",
  "gateway.ai.cloudflare.com",
  "gateway.helicone.ai",
  "*.githubcopilot.com",
  "inference.baseten.co",
  "integrate.api.nvidia.com",
  "models.github.ai",
  "models.inference.ai.azure.com",
  "oai.helicone.ai",
  "open.bigmodel.cn",
  "opencode.ai",
  "openrouter.ai",
  "router.huggingface.co",
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
 * unknown. A model that is not known (null) is served.
 */
export function toModelRoute(
  options: ModelRouteOptions = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): (host: string, model: string | null) => RouteAction {
  const { hosts = [], forward = [], ignore = [] } = options;
  const known = [kEndpointHost, ...kProviderHosts, ...hosts, ...environmentHosts(environment)];
  return (host, model) => {
    if (!known.some((pattern) => matchesHost(pattern, host))) return "unknown-host";
    if (model !== null && ignore.some((pattern) => matchesModel(pattern, model))) return "ignore";
    return model !== null && forward.some((pattern) => matchesModel(pattern, model)) ? "forward" : "serve";
  };
}

// --- internal ---

function environmentHosts(environment: Readonly<Record<string, string | undefined>>): string[] {
  return kBaseUrlVariables.flatMap((name) => {
    const url = environment[name];
    return url !== undefined && URL.canParse(url) ? [new URL(url).host] : [];
  });
}

function matchesHost(pattern: string, host: string): boolean {
  // A name with the root's dot is the same host.
  const name = host.replace(/\.(?=:\d+$|$)/, "");
  return pattern.startsWith("*") ? name.endsWith(pattern.slice(1)) : name === pattern;
}

function matchesModel(pattern: string, model: string): boolean {
  return pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
}
