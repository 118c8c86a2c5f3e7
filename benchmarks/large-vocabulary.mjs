// A byte-level BPE vocabulary of Qwen3's size, made by chance: tokens join earlier ones, early ones rather, so that they are as long as those of a
// vocabulary that was learned (6.6 bytes in the mean) and begin alike. Its bytes, added tokens and rules are those of a fixture.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/command.mjs";

/** Ids that the model names; those from `kTokens` on are no token's, but for the added ones. */
export const kOutputs = 151_936;
const kTokens = 151_643;
const kLongest = 18;

/** As createModel takes it. */
export function largeTokenizer() {
  const folder = join(root, "test", "fixtures", "models", "qwen2");
  const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const json = read("tokenizer.json");
  const { tokens, merges } = grow(Object.keys(json.model.vocab).filter((token) => token.length === 1));
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added = json.added_tokens.map((token, i) => ({ ...token, id: kTokens + i }));
  return {
    tokenizerJson: { ...json, added_tokens: added, model: { ...json.model, vocab, merges } },
    tokenizerConfig: read("tokenizer_config.json"),
  };
}

// --- internal ---

// Letters as often as in English, before them a space; some of everything else.
const kLetters =
  "eeeeeeeeeeeettttttttaaaaaaaaooooooooiiiiiiiinnnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk";
const kOthers = '"",,::{}[]()._-/\\;=<>0123456789';

function grow(bytes) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const from = (list) => list[Math.floor(random() * list.length)];
  const tokens = [...bytes];
  const known = new Set(tokens);
  const merges = [];
  while (tokens.length < kTokens) {
    const kind = random();
    const first = kind < 0.3 ? "Ġ" : kind < 0.4 ? from(kOthers) : kind < 0.45 ? from(bytes) : earlier();
    const second = kind < 0.6 ? from(kLetters) : kind < 0.65 ? from(kOthers) : earlier();
    const joined = first + second;
    if (joined.length > kLongest || known.has(joined)) continue;
    known.add(joined);
    tokens.push(joined);
    merges.push([first, second]);
  }
  return { tokens, merges };

  function earlier() {
    return tokens[Math.floor(tokens.length * random() ** 2)];
  }
}
