// Ids of prompts that were encoded lately or are being encoded: the samples of a group begin with the same prompt at the same time, each in a rollout of
// its own.

export interface EncodedTexts {
  /** Encodes where nobody has lately. What fails is not remembered. */
  of(text: string, encode: () => Promise<Int32Array>): Int32Array | Promise<Int32Array>;
}

/** @param mostCharacters  of all texts together; the one that was asked for longest ago goes first */
export function createEncodedTexts(mostCharacters = 2 ** 20): EncodedTexts {
  const known = new Map<string, Int32Array | Promise<Int32Array>>();
  let characters = 0;
  const forget = (text: string): void => {
    if (known.delete(text)) characters -= text.length;
  };
  const put = (text: string, ids: Int32Array | Promise<Int32Array>): void => {
    forget(text);
    known.set(text, ids);
    characters += text.length;
    for (const oldest of known.keys()) {
      if (characters <= mostCharacters) return;
      forget(oldest);
    }
  };
  return {
    of(text, encode) {
      const before = known.get(text);
      if (before !== undefined) {
        put(text, before);
        return before;
      }
      const encoding = encode();
      const isOurs = () => known.get(text) === encoding;
      put(text, encoding);
      encoding.then(
        (ids) => isOurs() && put(text, ids),
        () => isOurs() && forget(text),
      );
      return encoding;
    },
  };
}
