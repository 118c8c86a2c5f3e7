// Finds a key that an object of a JSON text holds twice: JSON.parse keeps the last one in silence.

/**
 * @param json  text that JSON.parse accepts
 * @returns the first key found for the second time in the same object, or undefined
 */
export function duplicateKey(json: string): string | undefined {
  // For each open object the keys so far; for each open array undefined.
  const open: (Set<string> | undefined)[] = [];
  let text = "";
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const end = endOfString(json, i);
      text = json.slice(i, end + 1);
      i = end;
    } else if (character === ":") {
      // Outside a string a colon stands only behind a key.
      const key: string = JSON.parse(text);
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    } else if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
  }
  return undefined;
}

// --- internal ---

// The index of the quote that ends the string which begins at `start`.
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}
