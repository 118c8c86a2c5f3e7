// Which types declarations mention without exporting them, one a line: "Name, of Owner, Owner". Read by the API of TypeScript 5; 7 has none.
//   node scripts/unexported-types.mjs ENTRY.d.ts...     all in one folder, which is where a type must lie to count
import { dirname, resolve, sep } from "node:path";
import ts from "typescript-5";

const entries = process.argv.slice(2).map((path) => resolve(path));
const folder = dirname(entries[0]) + sep;
const program = ts.createProgram(entries, {
  ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  ...{ strict: true, types: [] },
});
const checker = program.getTypeChecker();
const exported = new Set(entries.flatMap(exportsOf));
const visited = new Set();
const owners = new Map();

for (const symbol of exported) visit(symbol);
for (const [symbol, names] of owners) console.log(`${symbol.name}, of ${[...names].join(", ")}`);

// --- internal ---

function exportsOf(path) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(path));
  return checker.getExportsOfModule(module).map(resolved);
}

function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function visit(symbol) {
  if (visited.has(symbol)) return;
  visited.add(symbol);
  for (const declaration of symbol.declarations ?? [])
    if (isOurs(declaration)) walk(declaration, symbol.name);
}

function walk(node, owner) {
  // What is private says nothing of its type in a declaration file but its name.
  if (
    ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
  )
    return;
  const name = nameIn(node);
  const found = name === undefined ? undefined : checker.getSymbolAtLocation(name);
  if (found !== undefined) mention(resolved(found), owner);
  ts.forEachChild(node, (child) => walk(child, owner));
}

function nameIn(node) {
  if (ts.isTypeReferenceNode(node)) return node.typeName;
  if (ts.isExpressionWithTypeArguments(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return node.qualifier;
  return undefined;
}

function mention(symbol, owner) {
  if (symbol.flags & ts.SymbolFlags.TypeParameter || !symbol.declarations?.some(isOurs)) return;
  if (!exported.has(symbol)) owners.set(symbol, (owners.get(symbol) ?? new Set()).add(owner));
  visit(symbol);
}

function isOurs(declaration) {
  return declaration.getSourceFile().fileName.startsWith(folder);
}
