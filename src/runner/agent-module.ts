// The user's agent from a module on disk.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import type { Agent } from "../types/agent.js";
import type { Redact } from "./redact.js";

/** The export named `agent`, else the default one. @throws E_ARGUMENT when there is no such module or no function in it */
export async function loadAgent(path: string): Promise<Agent<never>> {
  const module = await load(path);
  const agent = module.agent ?? defaultOf(module);
  if (typeof agent === "function") return agent as Agent<never>;
  const names = Object.keys(module).join(", ") || "nothing";
  throw argumentError(
    "agent",
    `${path} to export a function as \`agent\` or as its default (it exports ${names})`,
    agent,
  );
}

/** The function `redact` of the same module; undefined: it has none. @throws E_ARGUMENT */
export async function loadRedact(path: string): Promise<Redact | undefined> {
  const module = await load(path);
  const holder = defaultOf({ default: module.default });
  const redact = module.redact ?? (holder as Module | undefined)?.redact;
  if (redact === undefined || typeof redact === "function") return redact as Redact | undefined;
  throw argumentError("agent", `${path} to export a function as \`redact\`, or none`, redact);
}

// --- internal ---

type Module = Readonly<Record<string, unknown>>;

async function load(path: string): Promise<Module> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Module;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isTypeScript = /\.[cm]?ts$/.test(path);
    // Node 20 has no way with the extension; later ones name what of TypeScript they cannot strip.
    if (
      isTypeScript &&
      (code === "ERR_UNKNOWN_FILE_EXTENSION" || code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")
    ) {
      const remedy = "use Node 22.18 or newer and types that can be stripped, or compile it to JavaScript";
      throw new LightningError("E_ARGUMENT", `agent: Node ${process.version} cannot run ${path}; ${remedy}`, {
        cause,
      });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LightningError("E_ARGUMENT", `agent: cannot load ${path}: ${reason}`, { cause });
  }
}

/** Of a CommonJS module the default is module.exports, which may hold a default of its own. */
function defaultOf(module: Module): unknown {
  const { default: found } = module;
  const isHolder = typeof found === "object" && found !== null;
  return isHolder ? ((found as Module).agent ?? (found as Module).default) : found;
}
