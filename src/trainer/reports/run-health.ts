// Signs that a run does not learn, told in plain words with what to do about it, once.
import type { MetricName } from "../../types/metrics.js";

export interface RunHealth {
  /** Of one step, in order. @returns what to tell when a sign has lasted for five steps and nothing of its kind was told before; else null */
  observe(metrics: Readonly<Record<string, number>>): string | null;
}

export function createRunHealth(): RunHealth {
  const lasted = new Map<Sign, number>();
  const told = new Set<Sign["kind"]>();
  return {
    observe(metrics) {
      const step: StepNumbers = (name) => metrics[name];
      for (const sign of kSigns) lasted.set(sign, sign.isIn(step) ? (lasted.get(sign) ?? 0) + 1 : 0);
      const due: Sign[] = [];
      for (const sign of kSigns) {
        if (told.has(sign.kind) || (lasted.get(sign) ?? 0) < kSteps) continue;
        told.add(sign.kind);
        due.push(sign);
      }
      if (due.length === 0) return null;
      return `in the last ${kSteps} steps ${due.map((sign) => sign.say(step)).join(" Also, ")}`;
    },
  };
}

// --- internal ---

type StepNumbers = (name: MetricName) => number | undefined;

interface Sign {
  /** Those of one kind have one cause: the first that lasts is told, and stands for the others. */
  readonly kind: "signal" | "length" | "credit";
  isIn(step: StepNumbers): boolean;
  say(step: StepNumbers): string;
}

const kSteps = 5;

const kSigns: readonly Sign[] = [
  {
    kind: "signal",
    isIn: (step) => step("update/count") === 0,
    say: (step) =>
      (step("groups/dead") ?? 0) < 1
        ? "no rollout could be learned from: none reached the reward that the algorithm asks for, or none was answered by what is trained; look at one with trainer.dev(task)."
        : `nothing was learned: all rollouts of a task earn the same (reward ${show(step("reward/mean"))} on average). ${kVary}`,
  },
  {
    kind: "signal",
    isIn: (step) => step("update/grad_norm") === 0,
    say: () =>
      "every gradient was 0, so no weight moved: the advantages are all 0, or every token is clipped. Check the algorithm's advantage and loss options, and that rewards differ within a task.",
  },
  {
    kind: "signal",
    isIn: (step) => (step("groups/dead") ?? 0) > 0.8,
    say: (step) =>
      `most groups taught nothing: in ${percent(step("groups/dead"))} of them all rollouts earned the same (${percent(step("groups/dead_above"))} above the mean, ${percent(step("groups/dead_below"))} below). ${kVary}`,
  },
  {
    kind: "length",
    isIn: (step) => (step("calls/truncated") ?? 0) > 0.3,
    say: (step) =>
      `${percent(step("calls/truncated"))} of the answers were cut before their end, so that the reward is of half an answer. Raise sampling.maxTokens (and the agent's max_tokens, if it is smaller), or ask for shorter answers.`,
  },
  {
    kind: "credit",
    isIn: (step) => step("credit/anchored") === 0,
    say: () =>
      "no call was compared with another, so credit by call says nothing: no two rollouts of a task stood before the same thing. Give the rule an anchor that names the state, as in agl.credit.gigpo({ anchor: (call) => ... }), or larger groups.",
  },
];

const kVary =
  "Mix in tasks that are solved some of the time (leave out those that always or never are), give credit for parts, or raise groupSize.";

function percent(share: number | undefined): string {
  return `${Math.round(100 * (share ?? 0))} %`;
}

function show(value: number | undefined): string {
  return value === undefined ? "none" : value.toFixed(3);
}
