// The alphabet of byte-level BPE (GPT-2): printable bytes stand for themselves, the 68 others, in order, for the code
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

/** UTF-8, each byte as its character. */
export function toByteAlphabet(text: string): string {
  if (/^[!-~]*$/.test(text)) return text;
  let characters = "";
  for (const byte of utf8.encode(text)) characters += characterOfByte[byte];
  return characters;
}

// --- internal ---

const utf8 = new TextEncoder();
