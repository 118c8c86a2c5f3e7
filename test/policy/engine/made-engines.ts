// The real addon, and every engine that it makes, for tests that look behind a policy: vi.mock("../../../src/policy/engine/binding.js", recordEngines).
import type * as Binding from "../../../src/policy/engine/binding.js";

export interface MadeEngine {
  readonly engine: Binding.NativeEngine;
  readonly options: Binding.NativeEngineOptions;
}

/** The latest last. */
export const madeEngines: MadeEngine[] = [];

/** What loading the next engines rejects with, in their order; undefined lets it load. */
export const loadFailures: unknown[] = [];

export async function recordEngines(original: () => Promise<typeof Binding>): Promise<typeof Binding> {
  const binding = await original();
  const addon = binding.native();
  function Engine(options: Binding.NativeEngineOptions): Binding.NativeEngine {
    const engine = new addon.Engine(options);
    madeEngines.push({ engine, options });
    const failure = loadFailures.shift();
    if (failure !== undefined)
      Object.defineProperty(engine, "load", { value: () => Promise.reject(failure) });
    return engine;
  }
  return { ...binding, native: () => ({ ...addon, Engine: Engine as never }) };
}
