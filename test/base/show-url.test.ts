import { expect, it } from "vitest";
import { showUrl } from "../../src/base/show-url.js";

it.each([
  ["postgres://agl:secret@db.internal/agl", "postgres://agl@db.internal/agl"],
  ["postgres://db.internal:5433/agl?user=agl&password=secret", "postgres://db.internal:5433/agl"],
  ["postgresql:///agl?host=/tmp&PASSWORD=secret#secret", "postgresql:///agl"],
  ["postgres://agl:se@cret@db/agl", "postgres://agl@db/agl"],
  ["postgres://agl:secret/x@db:port/agl", "postgres://..."],
  ["postgres:agl:secret@db/agl", "postgres:..."],
  ["postgre//agl:secret@db/agl", "postgre..."],
  ["https://user:secret@host:8443/base?key=secret", "https://user@host:8443/base"],
  ["http://127.0.0.1:4747", "http://127.0.0.1:4747"],
  ["sqlite:run/store.db", "sqlite:run/store.db"],
  ["memory:", "memory:"],
])("%s is shown as %s", (url, shown) => {
  expect(showUrl(url)).toBe(shown);
  expect(showUrl(url)).not.toMatch(/secret|cret@/i);
});
