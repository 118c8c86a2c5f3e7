// npm run test:mutants: changes the sources in one place at a time and asks whether the folder's tests notice. Minutes a folder.
//   npm run test:mutants -- [FOLDER...]                  folders of test/mutants/folders.json, all where none is named; what did not
//                                                        change since keeps its result (build/mutants)
//   npm run test:mutants -- --sample N [--seed TEXT] [FOLDER...]   N mutants drawn from all these folders
//                                                        --concurrency N: mutants at a time; absent: as many as there are cores less one, at least 2
// A survivor is a place that no test looks at: it gets a test, or a reason in test/mutants/reasons.json. Texts are left as they are.
// Ends with `N passed, N failed`: mutants that were noticed, and folders (or the sample) with fewer of them than is demanded.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { giveUp, installed, root, runLoudly } from "./command.mjs";
import { drawMutants } from "./draw-mutants.mjs";

const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const kFolders = readJson("test/mutants/folders.json");
const kReasons = readJson("test/mutants/reasons.json");
/** The share that is noticed: of a folder; of a sample, whose chance is wide (40 of a folder at 0.85: lower once in a thousand). */
const kDemanded = { folder: 0.85, sample: 0.65 };

const usage = "npm run test:mutants -- [--sample N [--seed TEXT]] [--concurrency N] [FOLDER...]";
const { values, positionals } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "0" },
    concurrency: { type: "string" },
  },
  allowPositionals: true,
});
const unknown = positionals.find((name) => kFolders[name] === undefined);
if (unknown !== undefined)
  giveUp(`${usage}: expected folders of ${Object.keys(kFolders).join(", ")}, got ${unknown}`);
const chosen = positionals.length === 0 ? Object.keys(kFolders) : positionals;

let passed = 0;
let failed = 0;
if (values.sample === undefined) {
  for (const name of chosen) report(name, run(name, [name], kFolders[name].sources), kDemanded.folder);
} else {
  const sources = chosen.flatMap((name) => kFolders[name].sources);
  const places = await drawMutants(sources, Number(values.sample), values.seed);
  rmSync(join(root, "build/mutants/sample.json"), { force: true });
  report(`a sample of ${chosen.join(", ")}`, run("sample", chosen, places), kDemanded.sample);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

// --- internal ---

/** @returns the mutants by file, as Stryker writes them; undefined when it could not run */
function run(title, folders, mutate) {
  const tests = folders.flatMap((name) => kFolders[name].tests);
  const incremental = `build/mutants/${title}.json`;
  mkdirSync(join(root, "build/mutants"), { recursive: true });
  const stryker = installed("@stryker-mutator/core/package.json").replace(/package\.json$/, "bin/stryker.js");
  const args = ["run", "test/mutants/stryker.json", "--incrementalFile", incremental, "--mutate"];
  const most = values.concurrency === undefined ? [] : ["--concurrency", values.concurrency];
  const status = runLoudly(process.execPath, [stryker, ...args, mutate.join(","), ...most], {
    env: {
      ...process.env,
      AGL_MUTANT_TESTS: tests.filter((glob) => !glob.startsWith("!")).join(","),
      AGL_MUTANT_WITHOUT: tests
        .filter((glob) => glob.startsWith("!"))
        .map((glob) => glob.slice(1))
        .join(","),
    },
  });
  return status === 0 ? readJson(incremental).files : undefined;
}

function report(title, files, demanded) {
  if (files === undefined) {
    console.log(`${title}: Stryker ended without a result`);
    failed += 1;
    return;
  }
  const counted = Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map((mutant) => ({
      ...mutant,
      file,
      line: source.split("\n")[mutant.location.start.line - 1].trim(),
    })),
  );
  const noticed = counted.filter(({ status }) => status === "Killed" || status === "Timeout").length;
  const survivors = counted.filter(({ status }) => status === "Survived" || status === "NoCoverage");
  const unexplained = survivors.filter((mutant) => !kReasons.some((reason) => isOf(reason, mutant)));
  for (const { file, location, line, replacement, mutatorName, status } of unexplained) {
    const place = `${file}:${location.start.line}:${location.start.column}`;
    console.log(`  ${status === "NoCoverage" ? "unreached" : "survived"} ${place} ${mutatorName}: ${line}`);
    console.log(`      -> ${replacement.split("\n")[0]}`);
  }
  const share = noticed / Math.max(1, noticed + survivors.length);
  const excused = survivors.length - unexplained.length;
  console.log(
    `${title}: ${noticed} of ${noticed + survivors.length} mutants noticed (${(100 * share).toFixed(1)} %, ` +
      `demanded ${100 * demanded} %), ${excused} of the others with a reason`,
  );
  passed += noticed;
  if (!(share >= demanded)) failed += 1;
}

/** A reason names a file and part of the mutant's first line; with a replacement, that one alone. */
function isOf({ file, line, replacement }, mutant) {
  return (
    mutant.file === file &&
    mutant.line.includes(line) &&
    (replacement === undefined || mutant.replacement === replacement)
  );
}
