// The policy that reinforcement learning starts from: a small random model, taught by demonstrations that have the right form and the right
// arguments but prefer, for each tool, one that is wrong. Made on the first run, then read from its folder.
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as agl from "agentlightning";
import { createRandom, pick, randomQuestion } from "./questions.js";
import { createTokenizer } from "./tokenizer.js";
import { runTool, toolDefinitions, toolNames } from "./tools.js";

const updates = 900;
const dialogues = 20;

/** @returns the model's folder */
export async function startingPolicy(dir, seed, report) {
  if (existsSync(join(dir, "config.json"))) return dir;
  const draft = `${dir}.draft`;
  rmSync(draft, { recursive: true, force: true });
  const tokenizer = createTokenizer();
  const size =
    Object.keys(tokenizer.tokenizerJson.model.vocab).length + tokenizer.tokenizerJson.added_tokens.length;
  await agl.createModel(
    draft,
    {
      architecture: "qwen2",
      hidden: 128,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headSize: 32,
      intermediate: 256,
      vocabulary: Math.ceil(size / 16) * 16,
      tie: true,
      tokenizer,
    },
    { seed },
  );
  const policy = await agl.loadPolicy(draft, { train: "all", contextLength: 192, seed });
  const learner = agl.sft({ lr: 3e-3, warmup: 30, schedule: "cosine", totalUpdates: updates });
  const random = createRandom(seed * 7919 + 1);
  for (let update = 1; update <= updates; update++) {
    const batch = Array.from({ length: dialogues }, () => demonstration(policy, random));
    const { metrics } = await learner.trainOn(policy, batch);
    report(update, updates, metrics["update/loss"]);
  }
  rmSync(dir, { recursive: true, force: true });
  await policy.saveModel(`${dir}.trained`);
  await policy.close();
  renameSync(`${dir}.trained`, dir);
  rmSync(draft, { recursive: true, force: true });
  return dir;
}

/**
 * The right tool for one phrasing in four; for the others one fixed wrong tool 70 %, any 3 %, the right one the rest of the time. A head that
 * nothing taught to tell two tools apart sharply would cap what an adapter can reach, since the adapter does not touch the head.
 */
function demonstratedTool(random, question) {
  const u = random();
  if (question.phrasing === 0 || u >= 0.73) return question.tool;
  return u < 0.7
    ? toolNames[(toolNames.indexOf(question.tool) + 1) % toolNames.length]
    : pick(random, toolNames);
}

/** A dialogue as tokens, the assistant's words marked. */
function demonstration(policy, random) {
  const question = randomQuestion(random, { heldOut: false });
  const name = demonstratedTool(random, question);
  const args = { a: question.a, b: question.b };
  const result = runTool(name, args);
  const asked = [{ role: "user", content: question.text }];
  const call = { type: "function", function: { name, arguments: args } };
  const called = [...asked, { role: "assistant", content: null, tool_calls: [call] }];
  const told = [...called, { role: "tool", content: result }];
  const done = [...told, { role: "assistant", content: `the answer is ${result}` }];
  const text = (messages, addGenerationPrompt) =>
    policy.renderChat(messages, { tools: toolDefinitions, addGenerationPrompt }).text;
  const cuts = [text(asked, true), text(called, false), text(told, true), text(done, false)];
  const tokens = [];
  const mask = [];
  cuts.forEach((upTo, i) => {
    // What follows the end-of-turn token is the template's, not the assistant's.
    const piece = upTo.slice(i === 0 ? 0 : cuts[i - 1].length);
    const own = i % 2 === 1 ? piece.slice(0, piece.lastIndexOf("<|im_end|>") + "<|im_end|>".length) : "";
    for (const id of policy.tokenizer.encode(own)) {
      tokens.push(id);
      mask.push(1);
    }
    for (const id of policy.tokenizer.encode(piece.slice(own.length))) {
      tokens.push(id);
      mask.push(0);
    }
  });
  return { tokens, mask: mask.slice(1) };
}
