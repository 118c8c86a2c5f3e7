import { describe, expect, it } from "vitest";
import { modelApi, requestedModel, toModelRoute } from "../../src/tracing/provider-hosts.js";

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

  it("ignores every other host", () => {
    const route = toModelRoute({ forward: ["m"] }, { OPENAI_BASE_URL: "no url" });
    for (const host of ["example.com", "llm.example", "team.openai.azure.com.example", "localhost:8000"])
      expect(route(host, "m")).toBe("ignore");
  });

  it("forwards and ignores listed models, by name or by beginning", () => {
    const route = toModelRoute({ forward: ["judge-*", "gpt-4"], ignore: ["judge-quiet"] }, {});
    const actions = ["judge-1", "judge-quiet", "gpt-4", "gpt-4o"].map((model) =>
      route("api.openai.com", model),
    );
    expect(actions).toEqual(["forward", "ignore", "forward", "serve"]);
  });
});

describe("a model call", () => {
  it.each([
    ["/v1/chat/completions", "openai.chat.completion"],
    ["/openai/deployments/d/chat/completions?api-version=1", "openai.chat.completion"],
    ["/v1/chat/completions/", "openai.chat.completion"],
    ["/v1/completions", "openai.completion"],
    ["/v1/completions/?x=1", "openai.completion"],
    ["/v1/responses/", "openai.response"],
    ["/v1/messages/", "anthropic.message"],
    ["/api/v1/responses", "openai.response"],
    ["/v1/messages?beta=true", "anthropic.message"],
    ["/v1beta/models/gemini:generateContent", "google.generate_content"],
    ["/v1beta/models/gemini:streamGenerateContent?alt=sse", "google.generate_content"],
    ["/v1/embeddings", undefined],
    ["/v1/threads/t/messages", undefined],
    ["/v1/messages/count_tokens", undefined],
    ["/v1/responses/r1/cancel", undefined],
    ["/v1/models?x=/chat/completions", undefined],
  ])("at %s is of kind %s", (path, api) => {
    expect(modelApi(path)).toBe(api);
  });

  it("names its model in the body, or else in the path", () => {
    expect(requestedModel("/v1/chat/completions", { model: "a" })).toBe("a");
    expect(requestedModel("/openai/deployments/dep%201/chat/completions", {})).toBe("dep 1");
    expect(requestedModel("/v1beta/models/gemini-2:generateContent", undefined)).toBe("gemini-2");
    expect(requestedModel("/v1/chat/completions", { model: 3 })).toBe(null);
  });
});
