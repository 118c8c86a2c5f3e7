// How deep JSON may be nested in what a server is sent, told from its text.

/** What is nested deeper is refused: somewhere on its way it would overflow a stack. */
export const kMaxDepth = 256;

export function isNestedTooDeep(text: string): boolean {
  if (!hasMore(text, kMaxDepth)) return false;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isInString) {
      if (code === kBackslash) i++;
      else if (code === kQuote) isInString = false;
    } else if (code === kQuote) isInString = true;
    else if (code === kOpenBracket || code === kOpenBrace) {
      if (++depth > kMaxDepth) return true;
    } else if (code === kCloseBracket || code === kCloseBrace) depth--;
  }
  return false;
}

// --- internal ---

// Bodies with few brackets, nearly all, are found harmless by a native search.
function hasMore(text: string, limit: number): boolean {
  let count = 0;
  for (const opener of ["[", "{"])
    for (let at = text.indexOf(opener); at !== -1; at = text.indexOf(opener, at + 1))
      if (++count > limit) return true;
  return false;
}

const kQuote = 0x22;
const kBackslash = 0x5c;
const kOpenBracket = 0x5b;
const kCloseBracket = 0x5d;
const kOpenBrace = 0x7b;
const kCloseBrace = 0x7d;
