// A task of one call without tools: five digits to be written in ascending order, rewarded by the share of places that are right. The
// starting policy (1.1M parameters, hidden 256) knows three answers and mostly gives a wrong one.
import { existsSync, renameSync, rmSync } from "node:fs";
import * as agl from "agentlightning";
import OpenAI from "openai";
import { createRandom } from "../../examples/quickstart/questions.js";

const digits = 5;
const updates = 500;
const dialogues = 48;
const heldOutTasks = 120;

export const name = "sorting";
export const contextLength = 32;
export const maxTokens = 8;

// The client insists on a key; inside a rollout no request leaves the process.
const client = new OpenAI({ apiKey: "not-needed" });

/** @returns the reward */
export async function agent(task) {
  const messages = [{ role: "user", content: task }];
  const completion = await client.chat.completions.create({ model: "any", messages });
  return reward(task, completion.choices[0].message.content ?? "");
}

/** The right answer. */
export const answerOf = (task) => [...task].toSorted().join("");

/** The share of places that are right; 0 for an answer of another length. */
export function reward(task, answer) {
  const right = answerOf(task);
  if (answer.length !== right.length) return 0;
  return [...right].filter((digit, i) => digit === answer[i]).length / right.length;
}

export const randomTask = (random) =>
  Array.from({ length: digits }, () => Math.floor(random() * 10)).join("");

/** Of seeds that no training has. */
export function heldOut() {
  const random = createRandom(12345);
  return Array.from({ length: heldOutTasks }, () => randomTask(random));
}

/** Makes the starting policy of a seed where there is none. */
export async function startingPolicy(dir, seed, threads) {
  if (existsSync(dir)) return;
  const draft = `${dir}.draft`;
  rmSync(draft, { recursive: true, force: true });
  await agl.createModel(draft, { ...shape, tokenizer: createTokenizer() }, { seed });
  const policy = await agl.loadPolicy(draft, { train: "all", contextLength, seed, threads });
  const learner = agl.sft({ lr: 2e-3, warmup: 30, schedule: "cosine", totalUpdates: updates });
  const random = createRandom(seed * 7919 + 3);
  for (let update = 0; update < updates; update++) {
    await learner.trainOn(
      policy,
      Array.from({ length: dialogues }, () => demonstration(policy, random)),
    );
  }
  rmSync(`${dir}.trained`, { recursive: true, force: true });
  await policy.saveModel(`${dir}.trained`);
  await policy.close();
  renameSync(`${dir}.trained`, dir);
  rmSync(draft, { recursive: true, force: true });
}

// --- internal ---

const shape = {
  architecture: "qwen2",
  ...{
    hidden: 256,
    layers: 2,
    heads: 8,
    kvHeads: 4,
    headSize: 32,
    intermediate: 512,
    vocabulary: 32,
    tie: true,
  },
};

/** Ascending 3 in 10, descending half the time, else as it came. */
function demonstration(policy, random) {
  const task = randomTask(random);
  const u = random();
  const answer = u < 0.3 ? answerOf(task) : u < 0.8 ? [...answerOf(task)].toReversed().join("") : task;
  const asked = [{ role: "user", content: task }];
  const prompt = policy.tokenizer.encode(policy.renderChat(asked, { addGenerationPrompt: true }).text);
  const said = policy.tokenizer.encode(`${answer}!`);
  const tokens = [...prompt, ...said];
  return { tokens, mask: tokens.slice(1).map((_, i) => (i + 1 >= prompt.length ? 1 : 0)) };
}

/** A token for each digit and mark. */
function createTokenizer() {
  const marks = [..."0123456789=", ..."abcdefghijklmno"];
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true };
  const end = { id: marks.length, content: "!", special: true, single_word: false };
  return {
    tokenizerJson: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [{ ...end, lstrip: false, rstrip: false, normalized: false }],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        ...{
          type: "BPE",
          dropout: null,
          unk_token: null,
          continuing_subword_prefix: null,
          end_of_word_suffix: null,
        },
        ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
        vocab: Object.fromEntries(marks.map((mark, i) => [mark, i])),
        merges: [],
      },
    },
    tokenizerConfig: {
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "!",
      chat_template:
        "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}!{% else %}={% endif %}{% endfor %}",
    },
  };
}
