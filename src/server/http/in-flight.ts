// How many requests a server works on at once, and the refusal of more: better told to come back than kept in memory until late.
import { ApiError } from "./api-error.js";

/** Unless told otherwise. */
export const kMaxInFlight = 1024;

export interface InFlight {
  readonly count: number;
  /** Whether `run` would refuse. */
  readonly isFull: boolean;
  /** Counts one more while it runs. @throws ApiError 503, before anything was done, when there are too many */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Counts bytes of a body, from its arrival until they are given back. @throws ApiError 503 when there are too many of all bodies */
  take(bytes: number): void;
  giveBack(bytes: number): void;
  /** Within `run`: what only waits counts as no work. It comes back without being refused. */
  waitAside<T>(wait: () => Promise<T>): Promise<T>;
  /** Within `run`, before anything was done: a body that is still arriving counts as no work. @throws as `run`, when it comes back to too many */
  receive<T>(read: () => Promise<T>): Promise<T>;
}

/** @param mostBytes  of all bodies that are here, whether they are still arriving or worked on */
export function createInFlight(most: number, mostBytes = Number.POSITIVE_INFINITY): InFlight {
  let count = 0;
  let bytesHere = 0;
  const counted = async <T>(change: 1 | -1, task: () => Promise<T>): Promise<T> => {
    count += change;
    try {
      return await task();
    } finally {
      count -= change;
    }
  };
  const refusal = () => new ApiError(503, tooMany(most), "E_STORE", kRetrySeconds);
  return {
    get count() {
      return count;
    },
    get isFull() {
      return count >= most;
    },
    async run(work) {
      if (count >= most) throw refusal();
      return counted(1, work);
    },
    take(bytes) {
      if (bytesHere + bytes > mostBytes)
        throw new ApiError(503, tooManyBytes(mostBytes), "E_STORE", kRetrySeconds);
      bytesHere += bytes;
    },
    giveBack(bytes) {
      bytesHere -= bytes;
    },
    waitAside: (wait) => counted(-1, wait),
    async receive(read) {
      const body = await counted(-1, read);
      if (count > most) throw refusal();
      return body;
    },
  };
}

// --- internal ---

const kRetrySeconds = 1;

function tooMany(most: number): string {
  return `Expected at most ${most} requests at once, got one more; ask again in ${kRetrySeconds} s`;
}

function tooManyBytes(most: number): string {
  return `Expected bodies of at most ${most} bytes at once, got more; ask again in ${kRetrySeconds} s`;
}
