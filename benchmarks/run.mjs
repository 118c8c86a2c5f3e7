// npm run bench: measures every subject and appends its rows to benchmarks/results.jsonl. Needs `npm run build` first.
//   --only products,decode   these subjects      --models "hidden 128"   these models     --rounds N   default 3
//   --threads N              default all cores   --force                 do not wait for a quiet machine
import { join } from "node:path";
import { parseArgs } from "node:util";
import { giveUp, root, runQuietly } from "../scripts/command.mjs";
import { checkToolchain } from "../scripts/toolchain.mjs";
import * as decode from "./decode.mjs";
import { Harness } from "./harness.mjs";
import { Limits } from "./limits.mjs";
import { describeMachine } from "./machine.mjs";
import { modelFolder, models } from "./models.mjs";
import * as otlp from "./otlp.mjs";
import * as prefill from "./prefill.mjs";
import * as products from "./products.mjs";
import * as quickstart from "./quickstart.mjs";
import { appendRow, showRow } from "./results.mjs";
import * as storeHttp from "./store-http.mjs";
import * as storeInProcess from "./store-in-process.mjs";
import * as training from "./training.mjs";

/**
 * @typedef {object} Bench  what a subject gets
 * @property {Harness} harness
 * @property {Limits} limits
 * @property {{ products: string }} programs
 * @property {readonly string[]} models  names
 * @property {number} threads
 * @property {number} rounds
 */

const all = [products, decode, prefill, training, quickstart, storeInProcess, storeHttp, otlp];
const withoutModels = [products, quickstart, storeInProcess, storeHttp, otlp];
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    models: { type: "string" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: `${describeMachine().cores}` },
    force: { type: "boolean", default: false },
  },
});
const subjects = all.filter(({ subject }) =>
  chosen(
    "only",
    all.map(({ subject: name }) => name),
  ).includes(subject),
);
const harness = new Harness({ force: values.force });
const bench = {
  harness,
  limits: new Limits(harness, buildNative("bench_limits")),
  programs: { products: buildNative("bench_products") },
  models: chosen("models", Object.keys(models)),
  threads: positive("threads"),
  rounds: positive("rounds"),
};
if (subjects.some((subject) => !withoutModels.includes(subject))) bench.models.forEach(modelFolder);

let loadedRows = 0;
for (const { rows } of subjects) {
  for await (const row of rows(bench)) {
    const written = appendRow(row);
    if (written.loaded) loadedRows++;
    console.log(showRow(written));
  }
}
if (loadedRows > 0)
  console.log(`${loadedRows} rows were measured on a loaded machine and must not be quoted`);

// --- internal ---

function chosen(option, known) {
  const names = values[option]?.split(",") ?? known;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    giveUp(`bench: expected --${option} to name some of ${known.join(", ")}, got ${unknown}`);
  return names;
}

function positive(option) {
  const number = Number(values[option]);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  return giveUp(`bench: expected --${option} to be 1 or more, got ${values[option]}`);
}

function buildNative(target) {
  const build = join(root, "build", "bench");
  const generator = checkToolchain();
  runQuietly("cmake", ["-S", root, "-B", build, "-G", generator, "-DAGL_TESTS=OFF", "-DAGL_BENCH=ON"]);
  runQuietly("cmake", ["--build", build, "--target", target, "--parallel", "2"]);
  return join(build, target);
}
