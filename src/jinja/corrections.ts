// Where @huggingface/jinja 0.5 differs from Python's jinja2, in what chat templates use, the syntax tree is made to call
// a function of jinja.ts instead, by a name no template can spell:
//   1. `tojson` prints numbers as json.dumps does    2. `strip`, `lstrip`, `rstrip`, `trim` obey their argument
//   3. `==`, `!=` compare lists and mappings by value, and text never equals a number
//   4. `{{ }}`, `~` and `string` print None, True and False    5. what a turn of a loop sets is unset in the next

/** @returns the tree with the differences put right; the one given is left as it is */
export function correctTree(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(correctTree);
  if (tree instanceof Map) {
    return new Map([...tree].map(([key, value]) => [correctTree(key), correctTree(value)]));
  }
  if (!isNode(tree)) return tree;
  const fields = Object.entries(tree).map(([name, child]) => {
    const corrected = correctTree(child);
    return [name, kBodies.has(name) && Array.isArray(corrected) ? corrected.map(correctOutput) : corrected];
  });
  const node = remade(tree, Object.fromEntries(fields));
  return kCorrections[node.type]?.(node) ?? node;
}

// --- internal ---

interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

const kCorrections: Readonly<Record<string, (node: SyntaxNode) => SyntaxNode>> = {
  FilterExpression: correctFilter,
  CallExpression: correctMethod,
  BinaryExpression: correctOperator,
  For: correctLoop,
};

function correctFilter(node: SyntaxNode): SyntaxNode {
  const filter = isNode(node.filter) ? node.filter : node;
  const name = filter.type === "CallExpression" ? nameOf(filter.callee) : nameOf(filter);
  const args = [node.operand, ...asList(filter.args)];
  if (name === "tojson") return call(node, "| tojson", args);
  if (name === "trim") return call(node, ".strip", args);
  return name === "string" ? call(node, "{{", args) : node;
}

function correctMethod(node: SyntaxNode): SyntaxNode {
  const { callee } = node;
  if (!isNode(callee) || callee.type !== "MemberExpression" || callee.computed) return node;
  const name = `.${nameOf(callee.property)}`;
  const isStrip = name === ".strip" || name === ".lstrip" || name === ".rstrip";
  return isStrip ? call(node, name, [callee.object, ...asList(node.args)]) : node;
}

function correctOperator(node: SyntaxNode): SyntaxNode {
  const operator = Object(node.operator).value;
  const isOurs = operator === "==" || operator === "!=" || operator === "~";
  return isOurs ? call(node, operator, [node.left, node.right]) : node;
}

function correctLoop(node: SyntaxNode): SyntaxNode {
  return remade(node, { body: [call(node, "for:", assignedNames(node)), ...asList(node.body)] });
}

// The fields that hold what is printed.
const kBodies = new Set(["body", "alternate", "defaultBlock"]);

const kPrinted = new Set([
  "Identifier",
  "MemberExpression",
  "CallExpression",
  "BinaryExpression",
  "UnaryExpression",
  "FilterExpression",
  "TestExpression",
  "SelectExpression",
  "Ternary",
]);

function correctOutput(node: unknown): unknown {
  return isNode(node) && kPrinted.has(node.type) ? call(node, "{{", [node]) : node;
}

// Names that the loop's body sets. Those that only an inner loop sets are not in this one's scope and do no harm.
function assignedNames(loop: SyntaxNode): string[] {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isNode(value)) return;
    if (value.type === "Set") for (const name of targetNames(value.assignee)) names.add(name);
    for (const child of Object.values(value)) visit(child);
  };
  visit(loop.body);
  for (const name of targetNames(loop.loopvar)) names.delete(name);
  return [...names];
}

function targetNames(target: unknown): string[] {
  if (!isNode(target)) return [];
  if (target.type === "TupleLiteral") return asList(target.value).flatMap(targetNames);
  return target.type === "Identifier" ? [nameOf(target) ?? ""] : [];
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === "Identifier" ? String(node.value) : undefined;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

// A call in the place of a node; texts among the arguments are literals.
function call(node: SyntaxNode, name: string, args: readonly unknown[]): SyntaxNode {
  const literals = args.map((arg) => (typeof arg === "string" ? { type: "StringLiteral", value: arg } : arg));
  return remade(node, {
    type: "CallExpression",
    callee: { type: "Identifier", value: name },
    args: literals,
  });
}

// The interpreter looks for nodes by their class, so what replaces one is of its class.
function remade(node: SyntaxNode, fields: object): SyntaxNode {
  return Object.assign(Object.create(Object.getPrototypeOf(node)), node, fields);
}
