// Tasks that learning is measured on: name, contextLength, maxTokens, agent, randomTask, heldOut, startingPolicy.
import * as calculator from "./calculator.mjs";
import * as sorting from "./sorting.mjs";

export const tasks = { calculator, sorting };
