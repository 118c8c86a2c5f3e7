// Names of fields on Google's wire: its servers take system_instruction for systemInstruction.

/** The object with the names of its own fields in camel case; anything else as it is. Fields that are named twice stay, and are refused as unknown. */
export function unsnake(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const names = Object.keys(value);
  if (!names.some((name) => kSnake.test(name))) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const camel = name.replace(kSnake, (_, letter: string) => letter.toUpperCase());
      return [camel !== name && names.includes(camel) ? name : camel, field];
    }),
  );
}

// --- internal ---

const kSnake = /(?<=[a-z0-9])_([a-z])/g;
