// What tokens write for bytes. The alphabet of byte-level BPE (GPT-2): printable bytes stand for themselves, the 68 others, in order, for the code
// points from 256 on.

/** The character of each byte. */
export const characterOfByte: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(isPrintable ? byte : next++);
  });
})();

/** The byte of a character's code; undefined for those outside of the alphabet. */
export const byteOfCode: readonly (number | undefined)[] = (() => {
  const bytes: (number | undefined)[] = [];
  for (const [byte, character] of characterOfByte.entries()) bytes[character.charCodeAt(0)] = byte;
  return bytes;
})();

/** The token that stands for each byte where bytes are a fallback: `<0x0A>`. */
export const tokenOfByte: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);

/** UTF-8, each byte as its character. */
export function toByteAlphabet(text: string): string {
  if (text.length > kShort) return bytesAsCharacters(text);
  let ascii = "";
  for (let at = 0; at < text.length && text.charCodeAt(at) < 0x80; at++) {
    ascii += characterOfByte[text.charCodeAt(at)];
  }
  return ascii.length === text.length ? ascii : bytesAsCharacters(text);
}

// --- internal ---

/** One character after the other is quicker for a word, and slower for more. */
const kShort = 64;

function bytesAsCharacters(text: string): string {
  const codes = new Uint16Array(utf8.encode(text));
  for (let at = 0; at < codes.length; at++) codes[at] = codeOfByte[codes[at] ?? 0] ?? 0;
  let characters = "";
  for (let at = 0; at < codes.length; at += kAtOnce) {
    characters += String.fromCharCode(...codes.subarray(at, at + kAtOnce));
  }
  return characters;
}

/** Arguments of one call. */
const kAtOnce = 4096;
const codeOfByte = Uint16Array.from(characterOfByte, (character) => character.charCodeAt(0));
const utf8 = new TextEncoder();
