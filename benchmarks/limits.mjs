// What the machine allows, measured in the same run as the rows that are compared with it: float32 fused multiply-adds
// from registers, and reading memory front to back, with the same number of threads.
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

  /** Flops a second: { value, isa, loaded }. */
  arithmetic(threads) {
    return this.#limit(["--kind", "fma", "--threads", `${threads}`]);
  }

  /** Bytes a second of reading `bytes` over and over, one stream a thread or four, whichever is faster. */
  memory(threads, bytes) {
    const size = Math.max(Math.min(bytes, coldBytes), threads * 2 ** 14);
    return this.#limit(["--kind", "read", "--threads", `${threads}`, "--bytes", `${size}`]);
  }

  // The 80th percentile: a limit is what can be reached, not what is usual.
  async #limit(args) {
    const key = args.join(" ");
    if (!this.#known.has(key)) {
      const command = () => [this.#program, ...args];
      const measured = (await this.#harness.compare([{ name: key, command }], 1)).get(key);
      const [{ isa, one, four = one }] = measured.outputs;
      const value = Math.max(summarize(one).p80, summarize(four).p80);
      this.#known.set(key, { value, isa, loaded: measured.loaded });
    }
    return this.#known.get(key);
  }
}
