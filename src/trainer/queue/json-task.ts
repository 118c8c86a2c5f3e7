// Whether a task reaches an agent in another process as it is: only what JSON holds does.
import { argumentError } from "../../base/check.js";

/** @throws E_ARGUMENT naming the first place that JSON would lose or change; a property that is undefined may be left out */
export function checkJsonTask(who: string, task: unknown, index: number): void {
  const lost = lossIn(task, `task ${index}`, []);
  if (lost === null) return;
  const remedy = "tasks of runners are sent to other processes: make them of plain JSON";
  throw argumentError(who, `${lost.path} to survive JSON`, lost.value, remedy);
}

// --- internal ---

interface Loss {
  readonly path: string;
  readonly value: unknown;
}

function lossIn(value: unknown, path: string, within: readonly object[]): Loss | null {
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0) ? null : { path, value };
  if (typeof value !== "object" || within.includes(value) || within.length >= kDeepest)
    return { path, value };
  const inside = [...within, value];
  if (Array.isArray(value)) {
    // By index: a hole is undefined.
    for (let i = 0; i < value.length; i++) {
      const lost = lossIn(value[i], `${path}[${i}]`, inside);
      if (lost !== null) return lost;
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== null && prototype !== Object.prototype) || "toJSON" in value) return { path, value };
  for (const [key, item] of Object.entries(value)) {
    const lost = item === undefined ? null : lossIn(item, `${path}.${key}`, inside);
    if (lost !== null) return lost;
  }
  return null;
}

/** Beyond it servers refuse a body. */
const kDeepest = 64;
