// A task belongs to its agent: each rollout gets a copy of its own, so that one that changes its task changes no sibling's prompt, nor
// the next epoch's. Copied is plain data: objects and arrays, and Date, RegExp, Map, Set, Error, boxed values, buffers and their views.
// A task that holds anything else (instances of classes, Buffers, functions, getters, proxies) has a meaning that no copy keeps.
import { types } from "node:util";
import { warn } from "../base/warning.js";

/**
 * @param who  the call, as in `createTrainer`
 * @returns gives each rollout its task: a copy of plain data, anything else as it is; the first of those is told in a warning
 */
export function createOwnTask(who: string): (task: unknown) => unknown {
  let isWarned = false;
  return (task) => {
    const copied = copyPlainData(task);
    if ("copy" in copied) return copied.copy;
    if (!isWarned)
      warn(
        "AGL_SHARED_TASK",
        `${who}: ${copied.path} is ${copied.what}: a task that holds it is not copied, so what an agent changes in it is changed for its other rollouts too; ` +
          "let agents leave it alone, or make tasks of plain data",
      );
    isWarned = true;
    return task;
  };
}

// --- internal ---

/** What keeps a value from being copied, and where it is. */
interface Foreign {
  readonly path: string;
  readonly what: string;
}

class ForeignValue extends Error {
  readonly foreign: Foreign;
  constructor(path: string, what: string) {
    super(what);
    this.foreign = { path, what };
  }
}

type Copy = (value: unknown, path: string) => unknown;

/** Whatever its depth; what is met twice is copied once, and loops stay loops. */
function copyPlainData(root: unknown): { readonly copy: unknown } | Foreign {
  const copies = new Map<object, object>();
  const unfilled: (() => void)[] = [];
  const copy: Copy = (value, path) => {
    if (typeof value === "function") throw new ForeignValue(path, "a function");
    if (typeof value !== "object" || value === null) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    const { made, fill } = beginCopy(value, path, copy);
    copies.set(value, made);
    if (fill !== undefined) unfilled.push(fill);
    return made;
  };
  try {
    const made = copy(root, "task");
    for (let fill = unfilled.pop(); fill !== undefined; fill = unfilled.pop()) fill();
    return { copy: made };
  } catch (error) {
    if (error instanceof ForeignValue) return error.foreign;
    throw error;
  }
}

/** A copy that `fill`, if any, completes. */
interface Begun {
  readonly made: object;
  readonly fill?: () => void;
}

function beginCopy(value: object, path: string, copy: Copy): Begun {
  if (types.isProxy(value)) throw new ForeignValue(path, "a proxy");
  const prototype: object | null = Object.getPrototypeOf(value);
  const begun = beginPlain(value, path, copy, prototype) ?? { made: copyBuiltIn(value, path, copy) };
  if (Object.getPrototypeOf(begun.made) !== prototype) throw instanceAt(path, value);
  return begun;
}

function beginPlain(value: object, path: string, copy: Copy, prototype: object | null): Begun | null {
  if (Array.isArray(value)) {
    const made: unknown[] = new Array(value.length);
    return { made, fill: () => copyProperties(value, made, path, copy) };
  }
  if (types.isMap(value)) {
    const made = new Map<unknown, unknown>();
    return {
      made: withoutOwn(value, made, path),
      fill: () => {
        for (const [key, item] of value)
          made.set(copy(key, `${path}.keys()`), copy(item, `${path}.values()`));
      },
    };
  }
  if (types.isSet(value)) {
    const made = new Set<unknown>();
    return {
      made: withoutOwn(value, made, path),
      fill: () => {
        for (const item of value) made.add(copy(item, `${path}.values()`));
      },
    };
  }
  if (prototype !== null && prototype !== Object.prototype) return null;
  const made: object = Object.create(prototype);
  return { made, fill: () => copyProperties(value, made, path, copy) };
}

function copyProperties(from: object, to: object, path: string, copy: Copy): void {
  const isArray = Array.isArray(from);
  for (const key of Reflect.ownKeys(from)) {
    if (key === "length" && isArray) continue;
    const { value, get, set, enumerable = true } = Object.getOwnPropertyDescriptor(from, key) ?? {};
    if (get !== undefined || set !== undefined)
      throw new ForeignValue(toPath(path, key, from), "a getter or setter");
    const made =
      typeof value === "object" || typeof value === "function" ? copy(value, toPath(path, key, from)) : value;
    // Setting takes a fraction of the time of defining, but hides nothing, and "__proto__" is set otherwise.
    if (enumerable && key !== "__proto__") Reflect.set(to, key, made);
    else Object.defineProperty(to, key, { value: made, enumerable, writable: true, configurable: true });
  }
}

/** What is not filled. Properties that somebody has put on it would be lost: it is refused. */
function copyBuiltIn(value: object, path: string, copy: Copy): object {
  if (types.isDate(value)) return withoutOwn(value, new Date(value.getTime()), path);
  if (types.isRegExp(value)) {
    const made = new RegExp(value.source, value.flags);
    made.lastIndex = value.lastIndex;
    return withoutOwn(value, made, path);
  }
  if (ArrayBuffer.isView(value)) return copyView(value, path, copy);
  // Its copy would be the same memory.
  if (types.isSharedArrayBuffer(value)) throw instanceAt(path, value);
  return withoutOwn(value, cloned(value, path), path);
}

/** Views of one buffer stay views of one. */
function copyView(view: ArrayBufferView, path: string, copy: Copy): object {
  const viewClass: unknown = Object.getPrototypeOf(view).constructor;
  // Those of the language: a Buffer is one step further from what they have in common.
  const isBuiltIn = types.isDataView(view) || Object.getPrototypeOf(viewClass) === kTypedArray;
  if (!isBuiltIn || typeof viewClass !== "function") throw instanceAt(path, view);
  const buffer = copy(view.buffer, `${path}.buffer`);
  const length = "length" in view ? view.length : view.byteLength;
  return Reflect.construct(viewClass, [buffer, view.byteOffset, length]) as object;
}

const kTypedArray: unknown = Object.getPrototypeOf(Uint8Array);

/** Of a class that structuredClone does not know it is a plain object, which the prototype tells. */
function cloned(value: object, path: string): object {
  try {
    return structuredClone(value);
  } catch {
    throw instanceAt(path, value);
  }
}

function withoutOwn<T extends object>(from: object, made: T, path: string): T {
  if (Reflect.ownKeys(from).length === Reflect.ownKeys(made).length) return made;
  throw instanceAt(path, from, " with properties of its own");
}

function instanceAt(path: string, value: object, more = ""): ForeignValue {
  const prototype: object | null = Object.getPrototypeOf(value);
  const made: unknown = prototype && Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  const name = typeof made === "function" && made.name ? made.name : "a class";
  return new ForeignValue(path, `an instance of ${name}${more}`);
}

function toPath(path: string, key: string | symbol, of: object): string {
  if (typeof key === "symbol") return `${path}[${String(key)}]`;
  return Array.isArray(of) ? `${path}[${key}]` : `${path}.${key}`;
}
