import { describe, expect, it } from "vitest";
import { modelApi, requestedModel } from "../../src/tracing/model-api.js";

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
    ["/v4/ai/language-model", "vercel.language_model"],
    ["/api/chat", "ollama.chat"],
    ["/api/generate", "ollama.generate"],
    ["/model/anthropic.claude-v2/converse-stream", "bedrock.invoke"],
    ["/model/m/invoke", "bedrock.invoke"],
    [
      "/v1/projects/p/locations/l/publishers/anthropic/models/claude-4@1:streamRawPredict",
      "anthropic.message",
    ],
    ["/v1/projects/p/locations/l/publishers/anthropic/models/claude-4:rawPredict", "anthropic.message"],
    ["/v2/chat", "cohere.chat"],
    ["/client/v4/accounts/a/ai/run/@cf/meta/llama-3", "cloudflare.run"],
    ["/api/v1/services/aigc/text-generation/generation", "dashscope.generation"],
    ["/v1/projects/p/models/embed:predict", undefined],
    ["/v1/chats", undefined],
    ["/v1/embeddings", undefined],
    ["/v1/threads/t/messages", undefined],
    ["/v1/messages/count_tokens", "anthropic.count_tokens"],
    ["/v1/messages/count_tokens?beta=true", "anthropic.count_tokens"],
    [
      "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
      "anthropic.count_tokens",
    ],
    ["/v1/models/m:generateContent", "google.generate_content"],
    [
      "/v1beta1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent",
      "google.generate_content",
    ],
    ["/v1/projects/p/locations/l/endpoints/12:generateContent", "google.generate_content"],
    ["/v1beta/tunedModels/mine:generateContent", "google.generate_content"],
    ["/v1beta/models/m:countTokens", "google.count_tokens"],
    ["/v3/ai/language-model", "vercel.language_model"],
    ["/anthropic/v1/messages", "anthropic.message"],
    ["/v1beta/models/m:embedContent", undefined],
    ["/v1beta/models/m:batchGenerateContent", undefined],
    ["/v4/ai/embedding-model", undefined],
    ["/api/embed", undefined],
    ["/v1/messages/batches", undefined],
    ["/v1/responses/r1/cancel", undefined],
    ["/v1/models?x=/chat/completions", undefined],
  ])("at %s is of kind %s", (path, api) => {
    expect(modelApi(path)).toBe(api);
  });

  it("names its model in the body, or else in the path", () => {
    expect(requestedModel("/v1/chat/completions", { model: "a" })).toBe("a");
    expect(requestedModel("/openai/deployments/dep%201/chat/completions", {})).toBe("dep 1");
    expect(requestedModel("/v1beta/models/gemini-2:generateContent", undefined)).toBe("gemini-2");
    expect(requestedModel("/model/titan/invoke", {})).toBe("titan");
    expect(requestedModel("/v1/projects/p/locations/l/publishers/google/models/g:countTokens", {})).toBe("g");
    expect(requestedModel("/v1beta/tunedModels/mine:generateContent", {})).toBe("mine");
    expect(requestedModel("/v1/chat/completions", { model: 3 })).toBe(null);
  });
});
