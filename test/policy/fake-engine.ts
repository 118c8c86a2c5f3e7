// A NativeEngine that computes nothing: it answers when the test says so, and logs what it was asked. For the states and the checks of
// the facade alone. As in the engine, a cancelled choice may yield a token that was under way. Token t of choice c is (prompt sum + 7 c + t) mod 300 + 1, its log-probability -(t + 1) / 8.
import type {
  NativeAdapter,
  NativeBatch,
  NativeChoice,
  NativeCounters,
  NativeDivision,
  NativeEngine,
  NativeOptimStep,
  NativePlan,
  NativeSampleRequest,
  NativeScores,
  NativeTrainingState,
} from "../../src/policy/engine/binding.js";

interface Cut {
  readonly choice: number;
  readonly keep: number;
}

export class FakeEngine implements NativeEngine {
  readonly log: string[] = [];
  readonly requests: NativeSampleRequest[] = [];
  readonly batches: NativeBatch[] = [];
  readonly derivatives: Float64Array[] = [];
  readonly steps: NativeOptimStep[] = [];
  readonly adapters: NativeAdapter[] = [];
  /** While true, answers wait for `release`. */
  isHeld = false;
  /** Rejects the next asynchronous call of that name with this. */
  failure: { readonly call: string; readonly error: unknown } | undefined;
  /** What forward answers for the token at an index of the batch. */
  logprobOf: (token: number) => number = (token) => -token / 100;
  /** Most tokens of a micro-batch. */
  budget = 1000;
  /** Lengths of the parameters, of every adapter. */
  sizes: readonly number[] = [];
  /** What setGradients was given last. */
  gradients: readonly Float32Array[] = [];
  isClosed = false;
  private waiting: (() => void)[] = [];
  /** Answers not given yet. */
  owed = 0;
  private readonly cuts = new Map<number, Cut[]>();
  private taken = 0;

  /** Lets everything that waits go on. */
  release(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const go of waiting) go();
  }

  load(): Promise<void> {
    return this.answer("load", () => undefined);
  }
  plan(): NativePlan {
    const sizes = {
      weights: 1,
      adapters: 1,
      optimizer: 1,
      tokenMemory: 1,
      activations: 1,
      scratch: 1,
      total: 6,
    };
    return { ...sizes, highWater: {}, largestActivation: 1 };
  }
  counters(): NativeCounters {
    throw new Error("the fake engine counts nothing");
  }
  arithmetic(): string {
    return "fake-r1";
  }
  isa(): string {
    return "scalar";
  }
  version(): number {
    return this.taken;
  }
  addAdapter(adapter: NativeAdapter): Promise<number> {
    return this.answer("addAdapter", () => this.adapters.push(adapter) - 1);
  }
  removeAdapter(handle: number): Promise<void> {
    return this.answer(`removeAdapter ${handle}`, () => undefined);
  }
  async sample(id: number, request: NativeSampleRequest): Promise<readonly NativeChoice[]> {
    this.requests.push(request);
    const choices = Array.from({ length: request.n }, () => ({
      tokens: [] as number[],
      logprobs: [] as number[],
      versions: [] as number[],
    }));
    const sum = request.prompt.reduce((a, b) => a + b, 0);
    for (let t = 0; t < request.maxTokens; t++) {
      await this.answer(t === 0 ? `sample ${id}` : undefined, () => undefined);
      const active = [...choices.entries()].filter(([c]) => this.cutOf(id, c) === undefined);
      for (const [c, choice] of active) {
        choice.tokens.push(((sum + 7 * c + t) % 300) + 1);
        choice.logprobs.push(-(t + 1) / 8);
        const version = request.adapter < 0 ? 0 : this.taken;
        choice.versions.push(version);
        request.onToken?.(c, choice.tokens[t] ?? 0, -(t + 1) / 8, version, Number.NaN, false);
      }
    }
    return choices.map((choice, c) => {
      // A choice that was complete before its cancellation came is not cut.
      const isComplete = choice.tokens.length === request.maxTokens;
      const cut = isComplete ? undefined : this.cutOf(id, c);
      return {
        tokens: Int32Array.from(choice.tokens.slice(0, cut?.keep || undefined)),
        logprobs: Float32Array.from(choice.logprobs.slice(0, cut?.keep || undefined)),
        versions: Int32Array.from(choice.versions.slice(0, cut?.keep || undefined)),
        finishReason: cut === undefined ? "length" : cut.choice < 0 ? "aborted" : "stop",
        topTokens: Int32Array.from({ length: choice.tokens.length * request.topLogprobs }, (_, i) => i),
        topLogprobs: Float32Array.from({ length: choice.tokens.length * request.topLogprobs }, (_, i) => -i),
      };
    });
  }
  cancel(id: number, choice: number, keep: number): void {
    this.log.push(`cancel ${id} ${choice} ${keep}`);
    this.cuts.set(id, [...(this.cuts.get(id) ?? []), { choice, keep }]);
  }
  holdSampler(held: boolean): void {
    this.log.push(held ? "hold" : "go on");
  }
  divide({ offsets }: { readonly offsets: Int32Array }): NativeDivision {
    const order = Int32Array.from(offsets.subarray(1), (_, s) => s).reverse();
    const ends: number[] = [];
    let used = 0;
    for (const [i, s] of order.entries()) {
      const length = (offsets[s + 1] ?? 0) - (offsets[s] ?? 0);
      if (used > 0 && used + length > this.budget) {
        ends.push(i);
        used = 0;
      }
      used += length;
    }
    ends.push(order.length);
    return { order, ends: Int32Array.from(ends), distinct: 0, repeated: 0 };
  }
  forward(batch: NativeBatch): Promise<NativeScores> {
    this.batches.push(batch);
    const starts = new Set(batch.offsets);
    const predicted = batch.tokens.filter((_, i) => !starts.has(i));
    return this.answer(`forward${batch.keep ? " keep" : ""}`, () => ({
      logprobs: Float32Array.from(predicted, this.logprobOf),
      entropies: Float32Array.from(predicted, (token) => token / 10),
    }));
  }
  backward(dLogprobs: Float64Array): Promise<void> {
    return this.answer("backward", () => void this.derivatives.push(dLogprobs));
  }
  optimStep(step: NativeOptimStep): Promise<{ gradNorm: number; version: number }> {
    return this.answer(`optimStep ${step.adapter}`, () => {
      this.steps.push(step);
      this.taken += 1;
      return { gradNorm: 3, version: this.taken };
    });
  }
  parameters(handle: number, kind: "value" | "gradient"): Promise<readonly Float32Array[]> {
    return this.answer(`parameters ${handle} ${kind}`, () =>
      this.sizes.map((size) => new Float32Array(size).fill(1)),
    );
  }
  zeroGradients(handle: number): Promise<void> {
    return this.answer(`zeroGradients ${handle}`, () => undefined);
  }
  setGradients(handle: number, gradients: readonly Float32Array[]): Promise<void> {
    return this.answer(`setGradients ${handle}`, () => {
      this.gradients = gradients;
    });
  }
  restore(handle: number, state: NativeTrainingState): Promise<void> {
    return this.answer(`restore ${handle} to ${state.version}`, () => undefined);
  }
  close(): void {
    this.log.push("close");
    this.isClosed = true;
    setTimeout(() => this.release(), 2);
  }

  private cutOf(id: number, choice: number): Cut | undefined {
    return this.cuts.get(id)?.find((cut) => cut.choice < 0 || cut.choice === choice);
  }

  // As the engine: rejects with E_CLOSED what it still owes when it is closed.
  private async answer<T>(call: string | undefined, result: () => T): Promise<T> {
    if (call !== undefined) this.log.push(call);
    this.owed += 1;
    try {
      return await this.wait(call, result);
    } finally {
      this.owed -= 1;
    }
  }

  private async wait<T>(call: string | undefined, result: () => T): Promise<T> {
    if (this.isHeld) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.isClosed) throw { code: "E_CLOSED", message: "the engine was closed" };
    if (this.failure !== undefined && call?.startsWith(this.failure.call)) {
      const { error } = this.failure;
      this.failure = undefined;
      throw error;
    }
    return result();
  }
}
