// The trainer's events. What a listener throws, or a promise of it rejects with, is told as a warning and stops neither the run nor the other
// listeners: a step that was taken stays taken.
import { EventEmitter } from "eventemitter3";
import { warn } from "../base/warning.js";
import { describeThrown } from "../runner/thrown.js";
import type { TrainerEvents } from "./trainer.js";

export function createTrainerEvents(): EventEmitter<TrainerEvents> {
  return new GuardedEvents();
}

// --- internal ---

type Name = EventEmitter.EventNames<TrainerEvents>;
type Listener<T extends Name> = EventEmitter.EventListener<TrainerEvents, T>;

class GuardedEvents extends EventEmitter<TrainerEvents> {
  /** What is registered in place of a listener, and the listener of what is registered. */
  readonly #guards = new WeakMap<object, Listener<Name>>();
  readonly #listeners = new WeakMap<object, Listener<Name>>();

  override on<T extends Name>(event: T, fn: Listener<T>, context?: unknown): this {
    return super.on(event, this.#guardOf(fn), context);
  }

  override addListener<T extends Name>(event: T, fn: Listener<T>, context?: unknown): this {
    return this.on(event, fn, context);
  }

  override once<T extends Name>(event: T, fn: Listener<T>, context?: unknown): this {
    return super.once(event, this.#guardOf(fn), context);
  }

  // Also called by the emitter itself, with what it has registered.
  override removeListener<T extends Name>(
    event: T,
    fn?: Listener<T>,
    context?: unknown,
    once?: boolean,
  ): this {
    return super.removeListener(event, fn && this.#guardOf(fn), context, once);
  }

  override off<T extends Name>(event: T, fn?: Listener<T>, context?: unknown, once?: boolean): this {
    return this.removeListener(event, fn, context, once);
  }

  override listeners<T extends Name>(event: T): Listener<T>[] {
    return super.listeners(event).map((guard) => (this.#listeners.get(guard) ?? guard) as Listener<T>);
  }

  #guardOf<T extends Name>(fn: Listener<T>): Listener<T> {
    if (typeof fn !== "function" || this.#listeners.has(fn)) return fn;
    const known = this.#guards.get(fn);
    if (known !== undefined) return known as Listener<T>;
    const guard = guarded(fn as unknown as AnyFunction) as unknown as Listener<T>;
    this.#guards.set(fn, guard as Listener<Name>);
    this.#listeners.set(guard, fn as Listener<Name>);
    return guard;
  }
}

type AnyFunction = (this: unknown, ...values: never[]) => unknown;

function guarded(fn: AnyFunction): AnyFunction {
  return function (...values) {
    try {
      // Awaited for its failure alone.
      Promise.resolve(Reflect.apply(fn, this, values)).catch(tell);
    } catch (error) {
      tell(error);
    }
  };
}

function tell(error: unknown): void {
  const message = `a listener of trainer.events failed; the run goes on: ${describeThrown(error)}`;
  warn("AGL_LISTENER", message, stackOf(error));
}

/** Undefined also of a thrown value that cannot be read. */
function stackOf(error: unknown): string | undefined {
  try {
    return error instanceof Error && typeof error.stack === "string" ? error.stack : undefined;
  } catch {
    return undefined;
  }
}
