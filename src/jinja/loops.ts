// Loops: going through values, in a scope of its own for each turn, with `loop` telling the place.
import { compileExpression, type Evaluate } from "./evaluate.js";
import { isEqual, isTrue, iterate, lengthOf } from "./operators.js";
import { type Execute, type Output, Signal } from "./output.js";
import { Scope } from "./scope.js";
import type { Block, For } from "./syntax.js";
import { type Assign, compileTarget } from "./targets.js";
import { Callable, Lazy, Structure, TemplateError, Tuple, Undefined, type Value } from "./values.js";

export function compileFor(statement: For, compileBlock: (block: Block) => Execute): Execute {
  const of = compileExpression(statement.of);
  const shape: Shape = {
    assign: compileTarget(statement.target),
    test: statement.test && compileExpression(statement.test),
    isRecursive: statement.isRecursive,
    body: compileBlock(statement.body),
    otherwise: compileBlock(statement.otherwise),
  };
  return (scope, out) => {
    runLoop(shape, of(scope), scope, out, 0);
    return Signal.None;
  };
}

// --- internal ---

interface Shape {
  readonly assign: Assign;
  readonly test: Evaluate | undefined;
  readonly isRecursive: boolean;
  readonly body: Execute;
  readonly otherwise: Execute;
}

function runLoop(shape: Shape, of: Value, scope: Scope, out: Output, depth: number): void {
  const items = shape.test === undefined ? of : new Lazy(selected(of, shape.assign, shape.test, scope));
  const recurse = (inner: Value): string => {
    const innerOut: Output = { text: "" };
    runLoop(shape, inner, scope, innerOut, depth + 1);
    return innerOut.text;
  };
  const loop = new Loop(items, depth, shape.isRecursive ? recurse : undefined);
  // The loop's `else` is for loops of which no turn came to its end.
  let isPassed = false;
  while (loop.advance()) {
    const turn = new Scope(scope);
    turn.set("loop", loop);
    shape.assign(turn, loop.current);
    const signal = shape.body(turn, out);
    isPassed ||= signal === Signal.None;
    if (signal === Signal.Break) break;
  }
  if (!isPassed) shape.otherwise(new Scope(scope), out);
}

// The condition sees the loop's own names, and not `loop`.
function* selected(of: Value, assign: Assign, test: Evaluate, scope: Scope): Generator<Value> {
  for (const item of iterate(of)) {
    const inner = new Scope(scope);
    inner.set("loop", new Undefined("'loop' is undefined"));
    assign(inner, item);
    if (isTrue(test(inner))) yield item;
  }
}

class Loop extends Structure {
  readonly kind = "LoopContext";
  readonly #depth: number;
  readonly #recurse: ((items: Value) => string) | undefined;
  #items: Iterator<Value>;
  #length: number | undefined;
  /** Of the current item, from 0. */
  #index = -1;
  #before: Value | undefined;
  #current: Value = null;
  /** Read ahead, where the template asked for what comes next. */
  #after: IteratorResult<Value> | undefined;
  #changed: Tuple | undefined;

  constructor(items: Value, depth: number, recurse: ((items: Value) => string) | undefined) {
    super();
    this.#items = iterate(items)[Symbol.iterator]();
    this.#length = items instanceof Lazy ? undefined : lengthOf(items);
    this.#depth = depth;
    this.#recurse = recurse;
  }

  get current(): Value {
    return this.#current;
  }

  advance(): boolean {
    const next = this.#after ?? this.#items.next();
    this.#after = undefined;
    if (next.done === true) return false;
    this.#before = this.#index < 0 ? undefined : this.#current;
    this.#current = next.value;
    this.#index++;
    return true;
  }

  attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return this.#index + 1;
      case "index0":
        return this.#index;
      case "first":
        return this.#index === 0;
      case "last":
        return this.#peek().done === true;
      case "length":
        return this.#count();
      case "revindex":
        return this.#count() - this.#index;
      case "revindex0":
        return this.#count() - this.#index - 1;
      case "previtem":
        return this.#before === undefined ? new Undefined("there is no previous item") : this.#before;
      case "nextitem": {
        const next = this.#peek();
        return next.done === true ? new Undefined("there is no next item") : next.value;
      }
      case "depth":
        return this.#depth + 1;
      case "depth0":
        return this.#depth;
      case "cycle":
        return new Callable((args) => this.#cycle(args));
      case "changed":
        return new Callable((args) => this.#hasChanged(args));
      default:
        return undefined;
    }
  }

  override call(args: readonly Value[]): Value {
    if (this.#recurse === undefined) {
      throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
    }
    return this.#recurse(args[0] ?? null);
  }

  override print(): string {
    return `<LoopContext ${this.#index + 1}/${this.#count()}>`;
  }

  #peek(): IteratorResult<Value> {
    this.#after ??= this.#items.next();
    return this.#after;
  }

  // What has no length is gone through to its end.
  #count(): number {
    if (this.#length !== undefined) return this.#length;
    const rest: Value[] = [];
    for (let next = this.#peek(); next.done !== true; next = this.#items.next()) rest.push(next.value);
    this.#after = undefined;
    this.#items = rest[Symbol.iterator]();
    this.#length = this.#index + 1 + rest.length;
    return this.#length;
  }

  #cycle(args: readonly Value[]): Value {
    const value = args[this.#index % args.length];
    if (value === undefined) throw new TemplateError("no items for cycling given");
    return value;
  }

  #hasChanged(args: readonly Value[]): boolean {
    const value = Tuple.of(...args);
    const isSame = this.#changed !== undefined && isEqual(this.#changed, value);
    this.#changed = value;
    return !isSame;
  }
}
