// Ids of prompts that were encoded lately: the samples of a group begin with the same prompt, each in a rollout of its own.

export interface EncodedTexts {
  get(text: string): Int32Array | undefined;
  put(text: string, ids: Int32Array): void;
}

/** @param mostCharacters  of all texts together; the one that was asked for longest ago goes first */
export function createEncodedTexts(mostCharacters = 2 ** 20): EncodedTexts {
  const known = new Map<string, Int32Array>();
  let characters = 0;
  const forget = (text: string): void => {
    if (known.delete(text)) characters -= text.length;
  };
  return {
    get(text) {
      const ids = known.get(text);
      if (ids === undefined) return undefined;
      known.delete(text);
      known.set(text, ids);
      return ids;
    },
    put(text, ids) {
      if (text.length > mostCharacters) return;
      forget(text);
      known.set(text, ids);
      characters += text.length;
      for (const oldest of known.keys()) {
        if (characters <= mostCharacters) return;
        forget(oldest);
      }
    },
  };
}
