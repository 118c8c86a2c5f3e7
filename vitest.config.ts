import { configDefaults, defineConfig } from "vitest/config";

/** Folders whose tests leave nothing behind: their files share processes, since one of its own costs a file half a second. */
const kShared = [
  ...["adapter", "algorithms", "credit", "grammar", "jinja", "server/endpoint", "server/otlp"],
  ...["adapters", "chat", "constraints", "losses", "model", "tokenizer", "tool-calls"].map(
    (room) => `policy/${room}`,
  ),
].map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "alone",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...kShared],
        },
      },
      { extends: true, test: { name: "shared", include: kShared, isolate: false } },
    ],
  },
});
