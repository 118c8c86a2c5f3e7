// Worker records of a transaction: read once, written by flush.
import type { Worker } from "../../types/rollout.js";
import type { Connection } from "./connection.js";
import { fromJson, toIdText } from "./rows.js";

export class WorkerTable {
  readonly #db: Connection;
  readonly #known = new Map<string, Worker>();
  readonly #touched = new Set<string>();

  constructor(db: Connection) {
    this.#db = db;
  }

  find(workerId: string): Worker | null {
    const known = this.#known.get(workerId);
    if (known !== undefined) return known;
    const row = typeof workerId === "string" ? this.#db.get(kGetWorker, toIdText(workerId)) : undefined;
    if (row === undefined) return null;
    const worker = fromJson<Worker>(row.body);
    this.#known.set(workerId, worker);
    return worker;
  }

  set(worker: Worker): Worker {
    this.#known.set(worker.workerId, worker);
    this.#touched.add(worker.workerId);
    return worker;
  }

  flush(): void {
    for (const id of this.#touched)
      this.#db.run(kSetWorker, toIdText(id), JSON.stringify(this.#known.get(id)));
    this.#touched.clear();
  }

  /** After a commit: what is known stays known, up to a number. */
  trim(): void {
    if (this.#known.size > kMostWorkers) this.#known.clear();
  }

  forget(): void {
    this.#known.clear();
    this.#touched.clear();
  }
}

// --- internal ---

const kMostWorkers = 1000;
const kGetWorker = "SELECT body FROM workers WHERE id = ?";
const kSetWorker =
  "INSERT INTO workers (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
