// Prompts that are texts or ids themselves, of which no template is rendered. As with messages, what was sampled keeps its ids: a text that goes on
// from an earlier prompt and its whole answer is that exchange's ids and those of the rest. No token is put before a text. One memory per rollout.
import type { Policy } from "../../policy/policy.js";
import { TooManyTokensError } from "../../policy/tokenizer/encoding/too-many-tokens.js";
import { type EncodeOptions, encodeAfter, joinedIds } from "./encode-after.js";
import type { SplicedPrompt } from "./id-splicing.js";

export interface TextMemory {
  /**
   * Which exchange it continues is decided before this returns.
   * @throws TooManyTokensError; E_ARGUMENT for an id that the policy does not have; the signal's reason
   */
  prompt(prompt: string | readonly number[], options: EncodeOptions): Promise<SplicedPrompt>;
  remember(prompt: SplicedPrompt, responseIds: Int32Array): void;
}

export function createTextMemory({ tokenizer }: Pick<Policy, "tokenizer">): TextMemory {
  const exchanges: { readonly text: string; readonly ids: Int32Array }[] = [];
  const longest = (isBefore: (exchange: (typeof exchanges)[number]) => boolean) =>
    exchanges
      .filter(isBefore)
      .reduce<(typeof exchanges)[number] | undefined>(
        (best, one) => (best === undefined || one.ids.length >= best.ids.length ? one : best),
        undefined,
      );
  return {
    async prompt(prompt, options) {
      if (typeof prompt !== "string") {
        const ids = Int32Array.from(prompt);
        if (ids.length > options.most) throw new TooManyTokensError(options.most, ids.length);
        const earlier = longest((one) => startsWith(ids, one.ids));
        return asPrompt(tokenizer.decode(ids), ids, earlier !== undefined);
      }
      const earlier = longest((one) => prompt.startsWith(one.text));
      const rest = prompt.slice(earlier?.text.length ?? 0);
      const ids = await encodeAfter({ tokenizer }, earlier?.ids ?? new Int32Array(0), rest, options);
      return asPrompt(prompt, ids, earlier !== undefined);
    },
    remember({ text, ids }, responseIds) {
      exchanges.push({
        text: text + tokenizer.decode(responseIds),
        ids: joinedIds(ids, responseIds),
      });
    },
  };
}

// --- internal ---

function asPrompt(text: string, ids: Int32Array, isContinued: boolean): SplicedPrompt {
  const conversation = { messages: [{ role: "user", content: text }], tools: [], template: {} };
  const prefix = isContinued ? "extends" : "start";
  return { text, ids, prefix, inThought: false, lacksThought: false, conversation };
}

function startsWith(ids: Int32Array, before: Int32Array): boolean {
  return before.length <= ids.length && before.every((id, i) => ids[i] === id);
}
