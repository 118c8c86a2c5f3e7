// The calculator's six tools: what they do, and how OpenAI's API describes them.

/** @type {Record<string, (a: number, b: number) => number>} */
const tools = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  larger: (a, b) => Math.max(a, b),
  smaller: (a, b) => Math.min(a, b),
  distance: (a, b) => Math.abs(a - b),
};

export const toolNames = Object.keys(tools);

export const toolDefinitions = toolNames.map((name) => ({
  type: /** @type {const} */ ("function"),
  function: {
    name,
    parameters: {
      type: "object",
      properties: { a: { type: "integer" }, b: { type: "integer" } },
      required: ["a", "b"],
    },
  },
}));

/** What a tool answers; unknown tools and arguments that are not numbers answer "error". */
export function runTool(name, args) {
  const tool = tools[name];
  if (tool === undefined || !Number.isInteger(args?.a) || !Number.isInteger(args?.b)) return "error";
  return String(tool(args.a, args.b));
}
