// A body with one change somewhere in it.
// biome-ignore lint/suspicious/noExplicitAny: a wire body of any shape
type Wire = any;

/** Another value in the place of one, one left out, or one more, somewhere in the body. */
export function mutated(body: Wire, at: number, how: string, thing: unknown): Wire {
  const places: { readonly holder: Wire; readonly key: string }[] = [];
  const walk = (value: Wire): void => {
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) {
      places.push({ holder: value, key });
      walk(value[key]);
    }
  };
  walk(body);
  const place = places[at % places.length];
  if (place === undefined) return body;
  const { holder, key } = place;
  if (how === "replace") holder[key] = thing;
  else if (how === "add") holder[`${key}s`] = thing;
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return body;
}
