// One judgement a group: a language model sees all its trajectories side by side and scores each from 0 to 1. RULER, OpenPipe's ART, 2025.
// Only the order within a group matters, since the algorithm compares siblings. Differences:
//   1. What all trajectories begin with is written once, and so are trajectories that are equal: these share a score.
//   2. A failure drops the group whatever is configured; there is no score to fall back on.
//   3. Judgements are journalled by what decides them: model, sampling, rubric, trajectories.
import { argumentError, checkInteger, checkNumber, checkOneOf, checkText } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { LanguageModel } from "../types/language-model.js";
import type { Reward, RewardContext, RewardGroup, RolloutScore } from "../types/reward.js";
import { judgePrompt } from "./judge-prompt.js";
import { type Judgement, readJudgements } from "./judge-reply.js";
import { trajectoryTexts } from "./trajectory-text.js";

export interface JudgeOptions {
  /** Who judges: agl.llm({ ... }). */
  readonly llm: LanguageModel;
  /** What is good, in words. Default: reaching the goal first, then getting there directly. */
  readonly rubric?: string;
  /** Of its part. Default "judge". */
  readonly name?: string;
  /** Default 1. */
  readonly weight?: number;
  /** "train" (default): not in evaluations. */
  readonly when?: "train" | "always";
  /** Questions in all when an answer cannot be read. Default 2. */
  readonly attempts?: number;
}

/** A reward of kind "outcome". @throws E_ARGUMENT */
export function judge(options: JudgeOptions): Reward {
  checkOptions(kWho, options, kNames);
  const { llm, rubric = kRubric, name = "judge" } = options;
  if (typeof Object(llm).ask !== "function")
    throw argumentError(
      kWho,
      "llm to be what agl.llm gives",
      llm,
      "make it, as in agl.llm({ baseURL, model })",
    );
  checkText(kWho, "rubric to be text", rubric);
  checkText(kWho, "name to be text", name);
  const attempts = checkInteger(kWho, "attempts", options.attempts ?? 2, { min: 1 });
  return {
    name,
    kind: "outcome",
    weight: checkNumber(kWho, "weight", options.weight ?? 1),
    when: checkOneOf<"train" | "always">(kWho, "when", options.when ?? "train", ["train", "always"]),
    score: (group, context) => judgeGroup({ llm, rubric, attempts }, group, context),
  };
}

// --- internal ---

const kWho = "rewards.judge";
const kNames: OptionNames<JudgeOptions> = {
  llm: ["model", "judge", "judge_model", "client"],
  rubric: ["prompt", "criteria", "instructions"],
  name: ["part"],
  weight: ["coefficient", "scale"],
  when: ["mode"],
  attempts: ["retries", "tries"],
};
const kRubric =
  "How far a trajectory gets towards its goal counts most. Between those that get equally far, the more direct one is better. One that gets " +
  "part of the way deserves part of the score. Small differences deserve small differences of score.";

type Judging = Required<Pick<JudgeOptions, "llm" | "rubric" | "attempts">>;

async function judgeGroup(
  { llm, rubric, attempts }: Judging,
  { rollouts }: RewardGroup,
  { signal, journal }: RewardContext,
): Promise<readonly RolloutScore[]> {
  const { context, texts } = trajectoryTexts(rollouts);
  const distinct = [...new Set(texts)];
  const messages = judgePrompt({ rubric, context, trajectories: distinct });
  const judgements = await journal.remember({ judge: llm.identity, messages }, async () => {
    for (let tried = 1; ; tried++) {
      const { text, finishReason } = await llm.ask({ messages, signal });
      const read = readJudgements(text, distinct.length);
      if (typeof read !== "string") return read;
      if (tried < attempts) continue;
      const cut = finishReason === "length" ? ", in an answer that was cut at its most tokens" : "";
      throw new LightningError(
        "E_PROVIDER",
        `${kWho}: expected a score for each trajectory, got ${read}${cut}`,
      );
    }
  });
  return texts.map((text) => {
    const { score, explanation } = judgements[distinct.indexOf(text)] as Judgement;
    return { score, feedback: explanation };
  });
}
