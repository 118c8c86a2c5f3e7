// The bytes of all tokens end to end, as the addon's trie is built of them.
import { turn } from "../../base/clock.js";
import type { NativeVocabulary } from "../engine/native-constraints.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";

/**
 * Lets other work run in between: a large vocabulary takes some tenths of a second.
 * @param outputs  how many tokens the model can name
 */
export async function readTokenTable(
  tokenizer: Pick<Tokenizer, "size" | "bytesOf" | "specialIds">,
  outputs: number,
): Promise<NativeVocabulary> {
  const offsets = new Int32Array(tokenizer.size + 1);
  let bytes = new Uint8Array(8 * tokenizer.size + 64);
  for (let id = 0; id < tokenizer.size; id++) {
    if (id % kAtOnce === kAtOnce - 1) await turn();
    const own = tokenizer.bytesOf(id);
    const begin = offsets[id] ?? 0;
    const end = begin + own.length;
    if (end > bytes.length) bytes = enlarged(bytes, 2 * end);
    bytes.set(own, begin);
    offsets[id + 1] = end;
  }
  const special = Int32Array.from(tokenizer.specialIds);
  return { bytes: bytes.slice(0, offsets[tokenizer.size]), offsets, special, outputs };
}

// --- internal ---

const kAtOnce = 8192;

function enlarged(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}
