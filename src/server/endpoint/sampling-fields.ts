// How OpenAI's interfaces ask for sampling, with vLLM's additions: the fields that chat, Responses and completions share.
import { z } from "zod";
import type { AskedSampling } from "../../types/call-request.js";

export const samplingFields = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  // vLLM writes -1 where nothing is cut.
  top_k: z
    .int()
    .min(-1)
    .max(2 ** 31 - 1)
    .nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  stop_token_ids: z.array(z.int().min(0)).max(128).nullish(),
};

/** What those fields ask for: all but where an answer ends by its length or its text. */
export function toSampling(
  body: z.infer<z.ZodObject<typeof samplingFields>>,
): Omit<AskedSampling, "maxTokens" | "stop"> {
  return {
    temperature: body.temperature ?? null,
    topP: body.top_p ?? null,
    topK: body.top_k == null ? null : Math.max(body.top_k, 0),
    minP: body.min_p ?? null,
    stopTokenIds: body.stop_token_ids ?? null,
  };
}
