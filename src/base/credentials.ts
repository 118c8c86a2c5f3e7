// What opens doors, taken out of bodies, addresses and errors before they are written down: by the names of fields and parameters that
// carry it, and by the shapes that it has. What a person wrote about a key stays; a key under a name of its own that has no shape is not found.

/** Of any JSON: the same without credentials, itself where there are none. */
export function withoutCredentials(value: unknown): unknown {
  if (typeof value === "string") return withoutShapes(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    // Token ids: long, and numbers all of them.
    if (typeof value[0] === "number") return value;
    const items = value.map(withoutCredentials);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    kField.test(name) && isWords(item) ? kGone : withoutCredentials(item),
  ]);
  return entries.some(([name, item]) => item !== (value as Record<string, unknown>)[name as string])
    ? Object.fromEntries(entries)
    : value;
}

/** Of text, JSON or not: as it is but for credentials. */
export function textWithoutCredentials(text: string): string {
  return withoutShapes(text.replace(kFieldInText, `$1"${kGone}"`));
}

// --- internal ---

const kGone = "[redacted]";
const kNames =
  "(?:x[-_])?(?:goog[-_])?api[-_]?keys?|(?:proxy[-_])?authorization|authorization[-_]token|(?:access|auth|refresh|id|session|bearer)[-_]?token|" +
  "(?:client|aws|secret)[-_](?:secret|secret[-_]access[-_]key|access[-_]key|session[-_]token|key)|password|passwd|cookie|set-cookie|private[-_]key|credentials?";
const kField = new RegExp(`^(?:${kNames})$`, "i");
const kString = '"(?:[^"\\\\]|\\\\.)*"';
const kFieldInText = new RegExp(
  `("(?:${kNames})"\\s*:\\s*)(?:${kString}|\\[\\s*${kString}(?:\\s*,\\s*${kString})*\\s*\\])`,
  "gi",
);
const kShapes: readonly (readonly [RegExp, string])[] = [
  [/\b(https?:\/\/)[^\s"'/@?#]+@/gi, `$1${kGone}@`],
  [
    /([?&](?:api[-_]?key|key|(?:access[-_]?)?token|sig|signature|password|secret|x-(?:amz|goog)-(?:signature|credential|security-token))=)[^&\s"'\\#<>]+/gi,
    `$1${kGone}`,
  ],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/-]{8,}=*/g, `$1 ${kGone}`],
  [
    /\b(?:sk|pk|rk|gsk|hf|xai|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_-]{16,}|\bAIza[A-Za-z0-9_-]{30,}|\bAKIA[A-Z0-9]{16}\b/g,
    kGone,
  ],
];

function withoutShapes(text: string): string {
  let kept = text;
  for (const [shape, instead] of kShapes) kept = kept.replace(shape, instead);
  return kept;
}

function isWords(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.every((one) => typeof one === "string"));
}
