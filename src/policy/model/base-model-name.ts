// What an adapter calls its base model, for those that load the two together: AutoPeftModel, vLLM, llama.cpp's converter.
import { resolve } from "node:path";

/** ORG/NAME where the folder lies in Hugging Face's cache (models--ORG--NAME/snapshots/REVISION), else the absolute path. */
export function baseModelName(dir: string): string {
  const path = resolve(dir);
  const cached = /[/\\]models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(path)?.[1];
  // No name on the hub holds two hyphens in a row.
  return cached === undefined ? path : cached.replace("--", "/");
}
