// Patches modules of agent frameworks as they are loaded, by one line behind each, which hands a class of theirs to us. Nothing else of them changes.
import module from "node:module";

/** What the line calls. */
export const kHooks = "agentlightning.hooks";

export interface ModulePatch {
  /** Of the file's path, with "/" between its parts. */
  readonly file: RegExp;
  /** The class, by its name in the module. */
  readonly name: string;
}

/** Of ES modules and of CommonJS, from now on; modules that are loaded already stay as they are. */
export function patchModules(patches: readonly ModulePatch[]): void {
  patchCommonJs(patches);
  const { registerHooks } = module as unknown as HookedModule;
  if (registerHooks !== undefined) {
    registerHooks({
      load: (url, context, nextLoad) => {
        const loaded = nextLoad(url, context);
        const line = loaded.format === "module" ? lineFor(patches, url) : undefined;
        if (line === undefined || loaded.source === undefined || loaded.source === null) return loaded;
        return { ...loaded, source: `${textOf(loaded.source)}${line}` };
      },
    });
    return;
  }
  // Before Node 22.15 in a thread of its own, which is told by text.
  const list = JSON.stringify(patches.map(({ file, name }) => [file.source, lineOf(name)]));
  const loader = `const patches = ${list}.map(([source, line]) => [new RegExp(source), line]);
    export async function load(url, context, nextLoad) {
      const loaded = await nextLoad(url, context);
      const found = loaded.format === "module" && patches.find(([file]) => file.test(url.split("?")[0]));
      if (!found || loaded.source == null) return loaded;
      const text = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: text + found[1] };
    }`;
  module.register(`data:text/javascript,${encodeURIComponent(loader)}`);
}

// --- internal ---

/** Behind a comment that may end the file. */
function lineOf(name: string): string {
  return `\n;globalThis[Symbol.for("${kHooks}")]?.("${name}", typeof ${name} === "undefined" ? undefined : ${name});\n`;
}

function lineFor(patches: readonly ModulePatch[], path: string): string | undefined {
  const bare = path.split("?", 1)[0]?.replaceAll("\\", "/") ?? "";
  const found = patches.find(({ file }) => file.test(bare));
  return found && lineOf(found.name);
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}

/** From Node 22.15 on; the types are those of an earlier Node. */
interface HookedModule {
  readonly registerHooks?: (hooks: {
    readonly load: (url: string, context: object, next: Load) => Loaded;
  }) => void;
}

type Load = (url: string, context: object) => Loaded;

interface Loaded {
  readonly format?: string | null;
  readonly source?: string | ArrayBuffer | NodeJS.TypedArray | null;
}

interface CompilingModule {
  _compile(content: string, filename: string, ...more: unknown[]): unknown;
}

function patchCommonJs(patches: readonly ModulePatch[]): void {
  const prototype = module.prototype as unknown as CompilingModule;
  const { _compile } = prototype;
  prototype._compile = function (content, filename, ...more) {
    const text = content + (lineFor(patches, filename) ?? "");
    return Reflect.apply(_compile, this, [text, filename, ...more]);
  };
}
