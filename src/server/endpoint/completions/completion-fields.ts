// Every field of a completions request that is known; of those that chat completions have as well, what is said of them there holds here.
import { z } from "zod";
import { chatFields } from "../chat/chat-fields.js";
import type { FieldTable } from "../field-table.js";
import { samplingFields } from "../sampling-fields.js";

const { prompt: _, echo, suffix, best_of, ...refused } = chatFields.body.refused;
const shape = chatFields.body.served.shape;

export const completionFields = {
  served: z.looseObject({
    model: z.string(),
    prompt: z.union(
      [z.string(), z.array(z.union([z.string(), z.int().min(0), z.array(z.int().min(0))])).min(1)],
      "expected a text, a list of token ids, or one of them in a list",
    ),
    max_tokens: shape.max_tokens,
    ...samplingFields,
    n: shape.n,
    stop: shape.stop,
    stream: shape.stream,
    stream_options: shape.stream_options,
    logprobs: z.int().min(0).max(20).nullish(),
    response_format: shape.response_format,
    return_token_ids: shape.return_token_ids,
  }),
  harmless: chatFields.body.harmless,
  refused: {
    ...refused,
    echo: { ...echo, remedy: "the prompt is the client's own" },
    suffix: { ...suffix, remedy: "put it into the prompt" },
    best_of: { ...best_of, remedy: "use n, and choose in the agent" },
    messages: { remedy: "use chat completions" },
    tools: { neutral: [[]], remedy: "use chat completions" },
    tool_choice: { neutral: ["none"], remedy: "use chat completions" },
    max_completion_tokens: { remedy: "use max_tokens" },
    top_logprobs: { remedy: "use logprobs" },
    chat_template_kwargs: { neutral: [{}], remedy: "use chat completions" },
  },
} as const satisfies FieldTable<unknown>;
