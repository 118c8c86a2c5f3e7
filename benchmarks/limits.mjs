// What the machine allows, measured in the same run as the rows that are compared with it: multiply-adds from registers, and
// reading memory front to back, with the same number of threads.
import { summarize } from "./results.mjs";

/** Working sets from here on are read from memory, not from a cache. */
export const coldBytes = 2 ** 28;

export class Limits {
  #harness;
  #program;
  #known = new Map();

  constructor(harness, program) {
    this.#harness = harness;
    this.#program = program;
  }

  /** Flops a second of products in "f32" or "bf16": { value, isa, loaded }. */
  arithmetic(threads, compute = "f32") {
    return this.#limit(["--kind", compute === "bf16" ? "bf16" : "fma", "--threads", `${threads}`]);
  }

  /** Bytes a second of reading `bytes` over and over, one stream a thread or four, whichever is faster. */
  memory(threads, bytes) {
    const size = Math.max(Math.min(bytes, coldBytes), threads * 2 ** 14);
    return this.#limit(["--kind", "read", "--threads", `${threads}`, "--bytes", `${size}`]);
  }

  /** A contender that reads exactly `bytes` over and over: what takes turns with it is measured in the same minute. */
  reader(name, threads, bytes) {
    const command = [this.#program, "--kind", "read", "--threads", `${threads}`, "--bytes", `${bytes}`];
    return { name, command: () => command };
  }

  async #limit(args) {
    const key = args.join(" ");
    if (!this.#known.has(key)) {
      this.#known.set(key, toLimit(await this.#harness.measure(() => [this.#program, ...args], 1)));
    }
    return this.#known.get(key);
  }
}

/** The rate that a measurement of the limits' program shows. The 80th percentile: a limit is what can be reached, not what is usual. */
export function toLimit({ outputs, loaded }) {
  const best = (kind) => {
    const samples = outputs.flatMap((output) => output[kind] ?? []);
    return samples.length === 0 ? 0 : summarize(samples).p80;
  };
  return { value: Math.max(best("one"), best("four")), isa: outputs[0].isa, loaded };
}
