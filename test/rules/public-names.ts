// What src/index.ts exports, read from its text. Only `export { ... }`, with or without `from`, is allowed there.

/** Names as users write them, types marked, sorted: ["LightningError", "type ErrorCode"]. */
export function publicNames(text: string): string[] {
  const names: string[] = [];
  const rest = text.replace(/^export (type )?\{([^}]*)\}[^;]*;/gm, (_all, allTypes, list: string) => {
    for (const item of list.split(",").map((part) => part.trim().replace(/\s+/g, " "))) {
      if (item === "") continue;
      const isType = allTypes !== undefined || item.startsWith("type ");
      const name = item.replace(/^type /, "").replace(/^.* as /, "");
      names.push(isType ? `type ${name}` : name);
    }
    return "";
  });
  const other = /^export\b.*/m.exec(rest);
  if (other !== null) throw new Error(`src/index.ts: expected only export { ... }, got ${other[0]}`);
  return names.sort();
}
