// Entries in memory by their rollouts' ids, up to a number and a size.
import type { Entry } from "./entry.js";

export class EntryCache {
  readonly #entries = new Map<string, Entry>();
  /** Characters of all inputs. */
  #size = 0;

  get(rolloutId: string): Entry | undefined {
    return this.#entries.get(rolloutId);
  }

  add(entry: Entry): void {
    this.#entries.set(entry.rollout.rolloutId, entry);
    this.#size += entry.size;
  }

  drop(entry: Entry): void {
    if (this.#entries.delete(entry.rollout.rolloutId)) this.#size -= entry.size;
  }

  /** Drops the oldest above the limits. */
  trim(): void {
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= kMostEntries && this.#size <= kMostCharacters) return;
      this.drop(entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#size = 0;
  }
}

// --- internal ---

const kMostEntries = 1000;
const kMostCharacters = 2 ** 24;
