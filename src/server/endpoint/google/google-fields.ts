// Every field of a Google generateContent request that is known. Names in snake case, which its servers take as well, are read as their camel case.
import { z } from "zod";
import type { FieldTable, Refusal } from "../field-table.js";
import { isEmpty, isOff, isZero, never } from "../refusals.js";

const inParts: Refusal = { remedy: "only parts of text, calls of functions and their results are served" };
const inConfig: Refusal = { remedy: "put it into generationConfig" };

const body = {
  served: z.looseObject({
    contents: z.union([z.array(z.unknown()).min(1), z.looseObject({}), z.string()]),
    systemInstruction: z.unknown().optional(),
    tools: z.array(z.unknown()).nullish(),
    toolConfig: z.unknown().optional(),
    generationConfig: z.unknown().optional(),
  }),
  harmless: ["model", "safetySettings", "labels", "serviceTier", "store", "modelArmorConfig"],
  refused: {
    cachedContent: never,
    ...{ messages: { remedy: "use contents" }, system: { remedy: "use systemInstruction" } },
    ...{
      temperature: inConfig,
      topP: inConfig,
      topK: inConfig,
      maxOutputTokens: inConfig,
      stopSequences: inConfig,
    },
    ...{
      responseMimeType: inConfig,
      responseSchema: inConfig,
      responseJsonSchema: inConfig,
      thinkingConfig: inConfig,
    },
  },
} as const satisfies FieldTable<unknown>;

const content = {
  served: z.looseObject({
    role: z.enum(["user", "model", "function", "system"]).nullish(),
    parts: z.union([z.array(z.unknown()), z.looseObject({})]).nullish(),
  }),
  harmless: [],
  refused: { content: { remedy: "use parts" }, text: { remedy: "use parts" } },
} as const satisfies FieldTable<unknown>;

const part = {
  served: z.looseObject({
    text: z.string().nullish(),
    thought: z.boolean().nullish(),
    functionCall: z.unknown().optional(),
    functionResponse: z.unknown().optional(),
  }),
  harmless: ["thoughtSignature", "partMetadata"],
  refused: {
    ...{ inlineData: inParts, fileData: inParts, videoMetadata: inParts, mediaResolution: inParts },
    ...{ executableCode: inParts, codeExecutionResult: inParts, toolCall: inParts, toolResponse: inParts },
  },
} as const satisfies FieldTable<unknown>;

const functionCall = {
  served: z.looseObject({
    id: z.string().nullish(),
    name: z.string().min(1),
    args: z.record(z.string(), z.unknown()).nullish(),
  }),
  harmless: [],
  refused: { partialArgs: isEmpty, willContinue: isOff },
} as const satisfies FieldTable<unknown>;

const functionResponse = {
  served: z.looseObject({
    id: z.string().nullish(),
    name: z.string().min(1),
    response: z.unknown().optional(),
  }),
  harmless: ["scheduling"],
  refused: { parts: { neutral: [[]], ...inParts }, willContinue: isOff },
} as const satisfies FieldTable<unknown>;

const hosted: Refusal = { remedy: "tools that Google runs are not served: declare a function" };

const tool = {
  served: z.looseObject({ functionDeclarations: z.array(z.unknown()).nullish() }),
  harmless: [],
  refused: {
    ...{ googleSearch: hosted, googleSearchRetrieval: hosted, codeExecution: hosted, urlContext: hosted },
    ...{ fileSearch: hosted, googleMaps: hosted, computerUse: hosted, enterpriseWebSearch: hosted },
    ...{ retrieval: hosted, mcpServers: hosted, parallelAiSearch: hosted },
  },
} as const satisfies FieldTable<unknown>;

const declaration = {
  served: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    parametersJsonSchema: z.record(z.string(), z.unknown()).nullish(),
  }),
  // What the function returns, and that the client does not wait for it.
  harmless: ["response", "responseJsonSchema", "behavior"],
  refused: { inputSchema: { remedy: "use parametersJsonSchema" } },
} as const satisfies FieldTable<unknown>;

const toolConfig = {
  served: z.looseObject({ functionCallingConfig: z.unknown().optional() }),
  harmless: ["retrievalConfig", "includeServerSideToolInvocations"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const functionCallingConfig = {
  served: z.looseObject({
    mode: z.enum(["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]).nullish(),
    allowedFunctionNames: z.array(z.string().min(1)).nullish(),
  }),
  harmless: [],
  refused: { streamFunctionCallArguments: isOff },
} as const satisfies FieldTable<unknown>;

const generationConfig = {
  served: z.looseObject({
    temperature: z.number().min(0).max(2).nullish(),
    topP: z.number().min(0).max(1).nullish(),
    // Google's clients write 40.0.
    topK: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .nullish(),
    maxOutputTokens: z.int().min(1).nullish(),
    candidateCount: z.int().min(1).max(128).nullish(),
    stopSequences: z.array(z.string().min(1)).max(16).nullish(),
    responseMimeType: z.string().nullish(),
    responseSchema: z.record(z.string(), z.unknown()).nullish(),
    responseJsonSchema: z.record(z.string(), z.unknown()).nullish(),
    _responseJsonSchema: z.record(z.string(), z.unknown()).nullish(),
    responseFormat: z.unknown().optional(),
    thinkingConfig: z.unknown().optional(),
  }),
  // `seed`: the rollout's decides.
  harmless: [
    "seed",
    "mediaResolution",
    "audioTimestamp",
    "enableEnhancedCivicAnswers",
    "enableAffectiveDialog",
  ],
  refused: {
    ...{ presencePenalty: isZero, frequencyPenalty: isZero, responseLogprobs: isOff, logprobs: never },
    ...{ responseModalities: { neutral: [[], ["TEXT"]] }, speechConfig: never, imageConfig: never },
    ...{ routingConfig: never, modelSelectionConfig: never, translationConfig: never },
    ...{ maxTokens: { remedy: "use maxOutputTokens" }, stop: { remedy: "use stopSequences" } },
  },
} as const satisfies FieldTable<unknown>;

const thinkingConfig = {
  served: z.looseObject({
    thinkingBudget: z.int().min(-1).nullish(),
    thinkingLevel: z.string().nullish(),
  }),
  // A thought is always told apart from the answer, for the next prompt holds what the client sends back.
  harmless: ["includeThoughts"],
  refused: {},
} as const satisfies FieldTable<unknown>;

export const googleFields = {
  ...{ body, content, part, functionCall, functionResponse, tool, declaration },
  ...{ toolConfig, functionCallingConfig, generationConfig, thinkingConfig },
};
