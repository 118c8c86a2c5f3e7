// Which mutants a sample takes: all that Stryker would make, in an order that the seed decides.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Instrumenter } from "@stryker-mutator/instrumenter";
import { root } from "./command.mjs";

/**
 * @param {readonly string[]} globs  FOLDER/*.ts or FOLDER/**\/*.ts; a file behind "!" is left out
 * @returns about `count` mutants as Stryker's option `mutate` names them: FILE:LINE:COLUMN-LINE:COLUMN
 */
export async function drawMutants(globs, count, seed) {
  const left = globs.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1));
  const files = globs
    .filter((glob) => !glob.startsWith("!"))
    .flatMap(filesOf)
    .filter((name) => !left.includes(name))
    .map((name) => ({ name, mutate: true, content: readFileSync(join(root, name), "utf8") }));
  const logger = { info: () => undefined, debug: () => undefined, isDebugEnabled: () => false };
  const options = { plugins: null, ignorers: [], excludedMutations: ["StringLiteral"] };
  const { mutants } = await new Instrumenter(logger).instrument(files, options);
  const open = mutants.filter(({ status }) => status === undefined);
  const order = (mutant) =>
    createHash("sha256").update(`${seed} ${mutant.fileName} ${mutant.id}`).digest("hex");
  const drawn = open
    .map((mutant) => ({ mutant, order: order(mutant) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1));
  const places = [];
  // Stryker takes every mutant within a place, so one place may be several; those of many would make a sample of few places.
  let taken = 0;
  for (const { mutant } of drawn) {
    const within = open.filter(
      (other) => other.fileName === mutant.fileName && isWithin(other.location, mutant.location),
    );
    if (within.length > kMostOfPlace || taken + within.length > count) continue;
    taken += within.length;
    places.push(toPlace(mutant));
    if (taken === count) break;
  }
  return places;
}

// --- internal ---

const kMostOfPlace = 3;

function filesOf(glob) {
  const [folder, ...pattern] = glob.split("/*");
  const names = readdirSync(join(root, folder), { recursive: pattern.length > 1, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function isWithin(inner, outer) {
  const at = ({ line, column }) => line * 1e6 + column;
  return at(inner.start) >= at(outer.start) && at(inner.end) <= at(outer.end);
}

function toPlace({ fileName, location: { start, end } }) {
  return `${fileName}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
}
