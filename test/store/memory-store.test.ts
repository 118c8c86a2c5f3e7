import { describe, expect, it } from "vitest";
import { storeLaws } from "../../src/store/laws.js";
import { createMemoryStore } from "../../src/store/memory-store.js";

storeLaws("memory", async (options) => createMemoryStore(options), { describe, it, expect });
