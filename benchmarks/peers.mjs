// Who else does the same work. A peer is compared only after it was shown to compute the same: the likeliest next tokens after
// one prompt, by the same weights. Which peers there are depends on the machine; what is missing is said once.
import { fileURLToPath } from "node:url";
import { runJson } from "./harness.mjs";
import { findLlama } from "./llama/peer.mjs";
import { freshTokens } from "./policy-process.mjs";
import { findPython } from "./python/peer.mjs";

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {"f32" | "bf16"} dtype
 * @property {string} about  version and what it runs on
 * @property {(given: object) => boolean} does  this kind of work on this model
 * @property {(given: object) => readonly string[]} command  prints what policy-case.mjs prints for the same work
 */

export class Peers {
  #found;
  #checked = new Set();

  /** @param {boolean} wanted  false: compare with nobody */
  constructor(wanted) {
    this.#found = wanted ? undefined : [];
  }

  /** The peers that do this work, as contenders beside the engine. */
  async contenders(bench, given) {
    this.#found ??= [findLlama(), ...findPython()].filter(isThere);
    const able = this.#found.filter((peer) => peer.does(given));
    for (const peer of able) await this.#check(bench, peer, given.model);
    return able.map((peer) => ({
      ...{ name: peer.name, contender: peer.name, compute: peer.dtype, about: peer.about },
      command: () => peer.command({ ...given, threads: bench.threads }),
    }));
  }

  async #check(bench, peer, model) {
    const key = `${peer.name} ${model}`;
    if (this.#checked.has(key) || !peer.does({ kind: "agree", model })) return;
    const [compute] = bench.computes(model);
    const tokens = Array.from(freshTokens(model, 5, 48));
    const given = { kind: "agree", model, length: 64, tokens, threads: bench.threads, device: bench.device };
    const ours = await runJson([process.execPath, program, JSON.stringify({ ...given, compute })]);
    const difference = largestDifference(ours.top, (await runJson(peer.command(given))).top);
    if (!(difference <= kTolerance)) {
      throw new Error(`${peer.name} computes something else: log-probabilities differ by ${difference}`);
    }
    console.log(
      `${peer.name} computes the same: likeliest tokens' log-probabilities within ${difference.toFixed(4)}`,
    );
    this.#checked.add(key);
  }
}

// --- internal ---

const program = fileURLToPath(new URL("policy-case.mjs", import.meta.url));

// Logits of the random model have a deviation of 0.6; rounding to bf16 in every layer moves them by a hundredth.
const kTolerance = 0.05;

function isThere(peer) {
  if (peer.missing !== undefined) console.log(`bench: without ${peer.name}: ${peer.missing}`);
  return peer.missing === undefined;
}

/** Over our likeliest tokens; the peer names more of its own than we do. */
function largestDifference(ours, theirs) {
  const known = new Map(theirs);
  return Math.max(...ours.map(([token, logprob]) => Math.abs(logprob - (known.get(token) ?? Number.NaN))));
}
