// node harness.mjs NAME: the scenarios of one framework's folder. Each is an example of the framework's own documentation, run in one training step
// of 56 rollouts that make two model calls each. Ends with `N passed, N failed`.
//   A folder's files export `scenarios`, a list of { name, agent, handed, ... }:
//   agent(task)      the example; `times` runs of it make the two calls (default 2, with tools 1)
//   handed(result)   what the SDK handed out of each call: { id } or, where a protocol has no ids, { text }; of a stream also { pieces, text }
//   tools            by name, the arguments that the model calls it with: the second prompt must go on from the first call, unless continues: false
//   value(result)    what structured output came to; throws when it is not what was asked for
//   mayAskAgain      the framework asks again for answers that are not to its liking: at least two calls
//   agents           the agents' names that the rows bear, all of them
//   toolSpans        by tool, how its span ended in every rollout
//   dialect          that the spans must name; options: of createTrainer; minimumNode: the major version from which it runs
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as agl from "agentlightning";
import { writeScriptedModel } from "./scripted-model.mjs";

const kTasks = 7;
const kGroup = 8;
const kRollouts = kTasks * kGroup;
const kCalls = 2;
const kKeys = {
  ...{ OPENAI_API_KEY: "sk-none", ANTHROPIC_API_KEY: "sk-none", GEMINI_API_KEY: "none" },
  ...{ AI_GATEWAY_API_KEY: "none", AZURE_OPENAI_API_KEY: "none", GROQ_API_KEY: "none" },
};

const name = process.argv[2];
Object.assign(process.env, kKeys);
const scenarios = await readScenarios(join(import.meta.dirname, name));
const dir = mkdtempSync(join(tmpdir(), "agl-frameworks-"));
let passed = 0;
let failed = 0;
writeScriptedModel(dir, Object.assign({}, ...scenarios.map(({ tools }) => tools)));
const policy = await agl.loadPolicy(dir, {
  ...{ adapter: { rank: 4 }, contextLength: 8192, cacheTokens: 131_072, seed: 1 },
});
for (const scenario of scenarios) await check(policy, scenario);
await policy.close();
rmSync(dir, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

// --- internal ---

async function readScenarios(folder) {
  const files = readdirSync(folder).filter((file) => file.endsWith(".mjs"));
  const modules = await Promise.all(files.sort().map((file) => import(join(folder, file))));
  const asked = process.argv[3];
  return modules
    .flatMap((module) => module.scenarios)
    .filter(({ minimumNode = 0 }) => Number.parseInt(process.versions.node, 10) >= minimumNode)
    .filter((scenario) => asked === undefined || scenario.name.includes(asked));
}

async function check(policy, scenario) {
  const started = performance.now();
  let wrong;
  try {
    wrong = await faultsOf(policy, scenario);
  } catch (error) {
    wrong = [error.message.slice(0, 600)];
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${wrong.length === 0 ? "ok  " : "FAIL"} ${name}: ${scenario.name} (${seconds} s)`);
  for (const sentence of wrong) console.log(`     ${sentence}`);
  if (wrong.length === 0) passed += 1;
  else failed += 1;
}

/** @returns sentences that say what is wrong */
async function faultsOf(policy, scenario) {
  const handed = new Map();
  const store = agl.createMemoryStore();
  const trainer = agl.createTrainer({
    ...{ policy, store, algorithm: agl.grpo({ groupSize: kGroup, lr: 1e-6 }), timeoutMs: 120_000 },
    sampling: { maxTokens: 256 },
    ...scenario.options,
    agent: async (task, { rolloutId }) => {
      const calls = [];
      const { times = scenario.tools === undefined ? kCalls : 1 } = scenario;
      for (let i = 0; i < times; i++) {
        const result = await scenario.agent(task);
        scenario.value?.(result);
        calls.push(...scenario.handed(result));
      }
      handed.set(rolloutId, calls);
      return handed.size % 2;
    },
  });
  const tasks = Array.from({ length: kTasks }, (_, i) => `What is the weather in San Francisco, ${i}?`);
  const { rollouts, metrics } = await trainer.step(tasks);
  const bad = rollouts.filter(({ outcome }) => outcome !== "ok");
  if (bad.length > 0)
    return [
      `${bad.length} of ${rollouts.length} rollouts ended otherwise: ${bad[0].outcome}: ${bad[0].error}`,
    ];
  const answers = new Map();
  for (const { rolloutId } of rollouts) answers.set(rolloutId, await answersOf(store, rolloutId));
  return [
    ...attributionFaults(rollouts, handed, answers, scenario),
    ...trainingFaults(rollouts, metrics, [...answers.values()].flat().length),
    ...streamFaults([...handed.values()].flat()),
    ...(scenario.tools === undefined || scenario.continues === false ? [] : prefixFaults(rollouts)),
    ...dialectFaults(scenario, [...answers.values()].flat()),
    ...agentFaults(scenario, rollouts),
    ...(await toolFaults(scenario, rollouts, store)),
  ];
}

async function answersOf(store, rolloutId) {
  const { items } = await store.querySpans(rolloutId);
  return items
    .filter((span) => span.name === "openai.chat.completion")
    .map(({ attributes }) => ({
      id: attributes["gen_ai.response.id"],
      text: attributes["gen_ai.completion.0.content"] ?? "",
      dialect: attributes["agentlightning.dialect"],
    }));
}

/** Each call that the SDK handed out is a span of the same rollout, and there are no others. */
function attributionFaults(rollouts, handed, answers, { mayAskAgain = false }) {
  let right = 0;
  let made = 0;
  let example = "";
  for (const { rolloutId } of rollouts) {
    const rest = [...(answers.get(rolloutId) ?? [])];
    made += rest.length;
    for (const call of handed.get(rolloutId) ?? []) {
      const at = rest.findIndex((answer) =>
        call.id === undefined ? answer.text === call.text : answer.id === call.id,
      );
      if (at < 0) example = `; ${JSON.stringify(call)} is none of ${JSON.stringify(rest)}`;
      else {
        right += 1;
        rest.splice(at, 1);
      }
    }
  }
  const all = kRollouts * kCalls;
  return right === made && (made === all || (mayAskAgain && made > all))
    ? []
    : [`expected ${all} calls attributed, got ${right} of ${made}${example}`];
}

function trainingFaults(rollouts, metrics, made) {
  const trained = rollouts.flatMap(({ trajectories }) =>
    trajectories.flatMap(({ transitions }) => transitions),
  );
  return [
    ...(trained.length === made
      ? []
      : [`expected ${made} calls in the training rows, got ${trained.length}`]),
    ...(metrics["update/count"] === 1 && metrics["update/grad_norm"] > 0
      ? []
      : [`expected an update, got ${metrics["update/count"]} of norm ${metrics["update/grad_norm"]}`]),
  ];
}

function streamFaults(calls) {
  const streams = calls.filter(({ pieces }) => pieces !== undefined);
  if (streams.length === 0) return [];
  const torn = streams.find(({ pieces, text }) => pieces.join("") !== text);
  const count = streams.reduce((sum, { pieces }) => sum + pieces.filter((piece) => piece !== "").length, 0);
  return [
    ...(torn === undefined ? [] : [`the pieces do not make up the answer: ${JSON.stringify(torn)}`]),
    // A few letters an answer.
    ...(count >= 2 * streams.length ? [] : [`${streams.length} streams came in ${count} pieces`]),
  ];
}

function prefixFaults(rollouts) {
  const broken = rollouts.filter(({ trajectories }) => trajectories.length !== 1).length;
  return broken === 0 ? [] : [`in ${broken} rollouts the second prompt does not go on from the first call`];
}

function dialectFaults({ dialect }, answers) {
  if (dialect === undefined) return [];
  const others = answers.filter((answer) => answer.dialect !== dialect);
  return others.length === 0 ? [] : [`expected the dialect ${dialect}, got ${others[0].dialect}`];
}

function agentFaults({ agents }, rollouts) {
  if (agents === undefined) return [];
  const rows = rollouts.flatMap(({ trajectories }) => trajectories.flatMap(({ transitions }) => transitions));
  const named = [...new Set(rows.map(({ agent }) => agent))].sort().join();
  const expected = [...agents].sort().join();
  return named === expected ? [] : [`expected rows of the agents ${expected}, got those of ${named}`];
}

async function toolFaults({ toolSpans = {} }, rollouts, store) {
  const wrong = [];
  for (const { rolloutId } of rollouts) {
    const { items } = await store.querySpans(rolloutId);
    for (const [name, code] of Object.entries(toolSpans)) {
      const ended = items.filter(({ attributes }) => attributes["gen_ai.tool.name"] === name);
      if (ended.length === 1 && ended[0].status.code === code) continue;
      wrong.push(`expected one span of ${name} that ended ${code}, got ${JSON.stringify(ended)}`);
    }
  }
  return wrong.slice(0, 1);
}
