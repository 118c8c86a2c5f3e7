// The quickstart's task: two calls and a tool between them, rewarded when all of it is right.
import { existsSync } from "node:fs";
import { calculate, isRight } from "../../examples/quickstart/agent.js";
import { heldOutQuestions, randomQuestion } from "../../examples/quickstart/questions.js";
import * as quickstart from "../../examples/quickstart/starting-policy.js";

export const name = "calculator";
export const contextLength = 192;
export const maxTokens = 48;

/** @returns the reward */
export const agent = async (task) => isRight(task, await calculate(task.text));

export const randomTask = (random) => randomQuestion(random, { heldOut: false });

export const heldOut = () => heldOutQuestions(120);

/** Makes the starting policy of a seed where there is none. */
export async function startingPolicy(dir, seed) {
  if (!existsSync(dir)) await quickstart.startingPolicy(dir, seed, () => undefined);
}
