import { describe, expect, it } from "vitest";
import { toModelRoute } from "../../src/tracing/provider-hosts.js";

describe("the default route", () => {
  it("serves every model on a known host, also one named by the environment or the caller", () => {
    const route = toModelRoute(
      { hosts: ["localhost:8000"] },
      { OPENAI_BASE_URL: "https://llm.example:8443/api" },
    );
    for (const host of [
      "api.openai.com",
      "team.openai.azure.com",
      "api.anthropic.com",
      "llm.example:8443",
      "localhost:8000",
    ]) {
      expect(route(host, "any")).toBe("serve");
      expect(route(host, null)).toBe("serve");
    }
  });

  it.each([
    ...[
      "ai-gateway.vercel.sh",
      "eu.api.openai.com",
      "team.services.ai.azure.com",
      "x.cognitiveservices.azure.com",
    ],
    ...[
      "models.github.ai",
      "router.huggingface.co",
      "integrate.api.nvidia.com",
      "api.moonshot.ai",
      "api.z.ai",
    ],
    ...["dashscope-intl.aliyuncs.com", "api.deepinfra.com", "api.sambanova.ai", "gateway.ai.cloudflare.com"],
    ...[
      "oai.helicone.ai",
      "aiplatform.googleapis.com",
      "europe-west1-aiplatform.googleapis.com",
      "opencode.ai",
    ],
    ...["api.kimi.com", "api.minimax.io", "api.cloudflare.com", "api.individual.githubcopilot.com"],
    ...["api.githubcopilot.com", "team.openai.azure.us", "models.inference.ai.azure.com", "api.moonshot.cn"],
    ...["ai-gateway.helicone.ai", "dashscope.aliyuncs.com", "api.studio.nebius.com", "inference.baseten.co"],
    "agentlightning.invalid",
    ...["api.openai.com.", "eu.api.openai.com.", "team.openai.azure.com."],
  ])("knows %s", (host) => {
    expect(toModelRoute({}, {})(host, null)).toBe("serve");
  });

  it.each([
    ...["localhost:11434", "localhost:1234", "127.0.0.1:8000", "bedrock-runtime.us-east-1.amazonaws.com"],
    ...["evil-api.openai.com.example", "notapi.z.ai", "aiplatform.googleapis.com.example"],
  ])("does not know %s", (host) => {
    expect(toModelRoute({}, {})(host, null)).toBe("unknown-host");
  });

  it("does not know any other host", () => {
    const route = toModelRoute({ forward: ["m"] }, { OPENAI_BASE_URL: "no url" });
    for (const host of ["example.com", "llm.example", "team.openai.azure.com.example", "localhost:8000"])
      expect(route(host, "m")).toBe("unknown-host");
  });

  it("forwards and ignores listed models, by name or by beginning", () => {
    const route = toModelRoute({ forward: ["judge-*", "gpt-4"], ignore: ["judge-quiet"] }, {});
    const actions = ["judge-1", "judge-quiet", "gpt-4", "gpt-4o"].map((model) =>
      route("api.openai.com", model),
    );
    expect(actions).toEqual(["forward", "ignore", "forward", "serve"]);
  });
});
