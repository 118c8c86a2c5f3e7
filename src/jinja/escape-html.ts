// HTML as markupsafe escapes it.
import { toText } from "./print.js";
import { Markup, type Value } from "./values.js";

/** Text as HTML that prints as it is. */
export function escapeHtml(value: Value): Markup {
  if (value instanceof Markup) return value;
  return new Markup(toText(value).replace(/[&<>'"]/g, (unit) => kEntities[unit] ?? unit));
}

// --- internal ---

const kEntities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};
