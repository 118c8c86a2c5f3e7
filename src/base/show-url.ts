// Addresses in messages and logs, without what opens them.

/** Without password and query, where passwords travel too; of one that cannot be parsed only the scheme. */
export function showUrl(url: string): string {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url) ?? [];
  if (scheme === undefined) return /@/.test(url) ? `${/^[a-z]*:?/i.exec(url)?.[0] ?? ""}...` : url;
  if (!URL.canParse(url)) return `${scheme}://...`;
  const { username, host, pathname } = new URL(url);
  return `${scheme}://${username === "" ? "" : `${username}@`}${host}${pathname === "/" ? "" : pathname}`;
}
