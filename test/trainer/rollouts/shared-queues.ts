// Ways in which one program's calls wait for each other: each runs what it is given in somebody's asynchronous context, seldom the giver's.
import { EventEmitter } from "node:events";

/** Runs the work some time, and resolves as it does. */
export type SharedQueue = <T>(work: () => Promise<T>) => Promise<T>;

type Job = () => Promise<void>;

/** Work with the promise of its result. */
function toJob<T>(work: () => Promise<T>): { readonly job: Job; readonly result: Promise<T> } {
  let job: Job = async () => undefined;
  const result = new Promise<T>((resolve, reject) => {
    job = async () => await work().then(resolve, reject);
  });
  return { job, result };
}

function queueOf(limit: number): SharedQueue {
  let running = 0;
  const waiting: Job[] = [];
  const start = (job: Job): void => {
    running += 1;
    void job().finally(() => {
      running -= 1;
      const next = waiting.shift();
      if (next !== undefined) start(next);
    });
  };
  return (work) => {
    const { job, result } = toJob(work);
    if (running < limit) start(job);
    else waiting.push(job);
    return result;
  };
}

/** What comes until `schedule` fires is one batch, all of it in the context of who came first. */
function batched(schedule: (flush: () => void) => void): SharedQueue {
  let batch: Job[] = [];
  return (work) => {
    const { job, result } = toJob(work);
    if (batch.push(job) === 1)
      schedule(() => {
        const jobs = batch;
        batch = [];
        for (const next of jobs) void next();
      });
    return result;
  };
}

/** Consumers that the first caller starts take what comes. */
function pool(workers: number): SharedQueue {
  const jobs: Job[] = [];
  const emitter = new EventEmitter();
  let isStarted = false;
  const consume = async () => {
    for (;;) {
      const job = jobs.shift();
      if (job === undefined) await new Promise((resolve) => emitter.once("job", resolve));
      else await job();
    }
  };
  return (work) => {
    const { job, result } = toJob(work);
    jobs.push(job);
    if (!isStarted) for (let i = 0; i < workers; i++) void consume();
    isStarted = true;
    emitter.emit("job");
    return result;
  };
}

export const kSharedQueues: readonly (readonly [string, () => SharedQueue])[] = [
  ["a queue of one", () => queueOf(1)],
  ["a queue of four", () => queueOf(4)],
  ["a DataLoader", () => batched((flush) => process.nextTick(flush))],
  ["a batcher by time", () => batched((flush) => setTimeout(flush, 20))],
  ["a pool of two on an emitter", () => pool(2)],
];
