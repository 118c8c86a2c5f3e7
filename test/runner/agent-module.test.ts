// Which function of a module is the agent, and which its redaction.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadAgent, loadRedact } from "../../src/runner/agent-module.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "agl-agent-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
function moduleOf(text: string, extension = "mjs"): string {
  const path = join(folder, `agent-${count++}.${extension}`);
  writeFileSync(path, text);
  return path;
}
const answerOf = async (path: string) => (await loadAgent(path))(undefined as never, undefined as never);

it.each([
  ["the export agent", "export const agent = () => 1; export default () => 2;", "mjs", 1],
  ["the default without it", "export default () => 2;", "mjs", 2],
  ["the agent of module.exports", "module.exports = { agent: () => 3, default: () => 4 };", "cjs", 3],
  ["the default of module.exports", "module.exports = { default: () => 4 };", "cjs", 4],
  ["module.exports itself", "module.exports = () => 5;", "cjs", 5],
])("an agent is %s", async (_, text, extension, answer) => {
  expect(await answerOf(moduleOf(text, extension))).toBe(answer);
});

it.each([
  ["export const other = 1, more = 2;", "(it exports other, more)"],
  ["", "(it exports nothing)"],
  ["export const agent = 'text'; export default () => 1;", 'got "text"'],
  ["export default null;", "(it exports default)"],
])("a module without such a function is refused: %s", async (text, said) => {
  await expect(loadAgent(moduleOf(text))).rejects.toMatchObject({
    code: "E_ARGUMENT",
    message: expect.stringContaining(said),
  });
});

it.each([
  ["its export", "export const redact = () => null; export default { redact: 1 };", "mjs"],
  ["that of its default", "export default { default: { redact: () => null } };", "mjs"],
])("a redaction is %s", async (_, text, extension) => {
  const redact = await loadRedact(moduleOf(text, extension));
  expect(redact?.({} as never)).toBe(null);
});

it("a module without a redaction has none, and what is no function is refused", async () => {
  expect(await loadRedact(moduleOf("export default () => 1;"))).toBe(undefined);
  expect(await loadRedact(moduleOf("export const agent = () => 1;"))).toBe(undefined);
  await expect(loadRedact(moduleOf("export const redact = 1;"))).rejects.toMatchObject({
    code: "E_ARGUMENT",
  });
});

it("what cannot be loaded is told with its path and why", async () => {
  const path = moduleOf("throw new Error('at once')");
  await expect(loadAgent(path)).rejects.toMatchObject({
    code: "E_ARGUMENT",
    message: `agent: cannot load ${path}: at once`,
  });
  await expect(loadAgent(moduleOf("throw 'text'"))).rejects.toMatchObject({
    message: expect.stringMatching(/: text$/),
  });
  const typed = (code: string) => `throw Object.assign(new Error("no types"), { code: "${code}" })`;
  for (const code of ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"]) {
    await expect(loadAgent(moduleOf(typed(code)))).rejects.toThrow("agent: cannot load");
  }
  const other = moduleOf(typed("ERR_OTHER"), "ts");
  await expect(loadAgent(other)).rejects.toThrow(`cannot load ${other}`);
  for (const code of ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"])
    await expect(loadAgent(moduleOf(typed(code), "ts"))).rejects.toMatchObject({
      message: expect.stringContaining("types that can be stripped"),
      cause: { code },
    });
});
