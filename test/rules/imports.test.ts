import { describe, expect, it } from "vitest";
import { importsOf, includesOf, nativeViolations, typescriptViolations } from "./import-rule.js";
import { nativeFile, readSources, typescriptFile } from "./sources.js";

describe("the import rule", () => {
  it("holds for every TypeScript file", () => {
    const sources = readSources("src", typescriptFile);
    expect(Object.keys(sources)).toContain("src/index.ts");
    expect(typescriptViolations(sources)).toEqual([]);
  });

  it("holds for every C++ file", () => {
    const sources = { ...readSources("native", nativeFile), ...readSources("bindings", nativeFile) };
    expect(Object.keys(sources)).toContain("native/core/view.h");
    expect(nativeViolations(sources)).toEqual([]);
  });
});

describe("the checker of the import rule", () => {
  it("finds every form of a TypeScript import", () => {
    const text = [
      'import "./a.js";',
      'import b from "./b.js";',
      'import type { C } from "./c.js";',
      "import {\n  d,\n  type D,\n} from './d.js';",
      'export { e } from "./e.js";',
      'export type { F } from "./f.js";',
      '  const g = await import("./g.js");',
      '  type H = import("./h.js").H;',
      '  require("./i.js");',
      ' * import { example } from "./comment.js";',
    ].join("\n");
    expect(importsOf(text).sort()).toEqual("abcdefghi".split("").map((name) => `./${name}.js`));
  });

  it("lets a TypeScript file import its own folder and lower ranks", () => {
    const sources = {
      "src/trainer/ring.ts": 'import { a } from "./step.js";\nimport { b } from "../store/memory.js";',
      "src/trainer/step.ts": 'import type { c } from "../base/error.js";',
      "src/store/memory.ts": 'import { z } from "zod";',
      "src/base/error.ts": "",
      "src/policy/train.ts": 'import "./losses/aggregate.js";\nimport "./states.js";',
      "src/policy/states.ts": "",
      "src/policy/losses/aggregate.ts": 'import "../engine/binding.js";\nimport "./update.js";',
      "src/policy/losses/update.ts": "",
      "src/policy/engine/binding.ts": "",
      "src/trainer/run/fit.ts": 'import "../trainer.js";',
      "src/trainer/trainer.ts": "",
    };
    expect(typescriptViolations(sources)).toEqual([]);
  });

  it.each([
    [
      "a higher rank",
      "rank 0) imports src/store/b.ts (rank 2)",
      { "src/base/a.ts": 'import "../store/b.js";', "src/store/b.ts": "" },
    ],
    [
      "a stranger of equal rank",
      "rank 2) imports src/policy/b.ts (rank 2)",
      { "src/store/a.ts": 'import "../policy/b.js";', "src/policy/b.ts": "" },
    ],
    [
      "a higher rank by type",
      "(rank 0) imports src/cli/b.ts (rank 5)",
      { "src/types/a.ts": 'import type { B } from "../cli/b.js";', "src/cli/b.ts": "" },
    ],
    [
      "a room of higher rank",
      "(rank 0 in src/policy) imports src/policy/model/b.ts (rank 1)",
      { "src/policy/engine/a.ts": 'import "../model/b.js";', "src/policy/model/b.ts": "" },
    ],
    [
      "a room of equal rank",
      "(rank 1 in src/server) imports src/server/otlp/b.ts (rank 1)",
      { "src/server/endpoint/a.ts": 'import type { B } from "../otlp/b.js";', "src/server/otlp/b.ts": "" },
    ],
    [
      "what lies above the rooms",
      "its rooms see no file",
      { "src/policy/losses/a.ts": 'import "../policy.js";', "src/policy/policy.ts": "" },
    ],
    [
      "what lies above the rooms and is not of the floor",
      "its rooms see trainer.ts, options.ts, option-names.ts",
      { "src/trainer/run/a.ts": 'import "../take-step.js";', "src/trainer/take-step.ts": "" },
    ],
    [
      "another dialect",
      "(rank 0 in src/server/endpoint) imports src/server/endpoint/google/b.ts (rank 0)",
      {
        "src/server/endpoint/chat/a.ts": 'import "../google/b.js";',
        "src/server/endpoint/google/b.ts": 'import "../dialect.js";',
        "src/server/endpoint/dialect.ts": "",
      },
    ],
    [
      "a room without rank",
      "lies in src/trainer/misc, which has no rank",
      { "src/trainer/take-step.ts": 'import "./misc/b.js";', "src/trainer/misc/b.ts": "" },
    ],
    ["a file that is not there", "no file of src/", { "src/base/a.ts": 'import "./b.js";' }],
    [
      "a folder without rank",
      "lies in misc",
      { "src/misc/a.ts": 'import "../base/b.js";', "src/base/b.ts": "" },
    ],
    [
      "the addon outside the binding",
      "loads the addon",
      { "src/policy/a.ts": 'require("node-gyp-build")(root);' },
    ],
    [
      "a cycle",
      "cycle: src/base/a.ts -> src/base/b.ts -> src/base/a.ts",
      { "src/base/a.ts": 'import "./b.js";', "src/base/b.ts": 'import "./a.js";' },
    ],
  ])("reports a TypeScript import of %s", (_what, sentence, sources) => {
    expect(typescriptViolations(sources as Record<string, string>)).toEqual([
      expect.stringContaining(sentence),
    ]);
  });

  it("finds every form of an include and no commented one", () => {
    const text = '#include <vector>\n  #  include "core/view.h"\n// #include "no.h"\n#pragma once';
    expect(includesOf(text)).toEqual([
      { name: "vector", isSystem: true },
      { name: "core/view.h", isSystem: false },
    ]);
  });

  it("lets a C++ file include its own folder and lower ranks", () => {
    const sources = {
      "bindings/addon.cpp": '#include <napi.h>\n#include "engine.h"\n#include "convert.h"',
      "bindings/convert.h": "",
      "native/engine.h": "#include <vector>",
      "native/engine.cpp": '#include "engine.h"\n#include "train/trainer.h"\n#include "core/view.h"',
      "native/train/trainer.h": '#include "model/config.h"',
      "native/model/config.h": '#include "core/view.h"',
      "native/core/view.h": "",
      "native/core/os_posix.cpp": "#include <unistd.h>",
      "native/ops/linear/linear.avx2.cpp": '#include <immintrin.h>\n#include "ops/linear/linear.lanes.h"',
      "native/ops/linear/linear.lanes.h": '#include "ops/context.h"',
      "native/ops/lora/lora.cpp": '#include "ops/linear/linear.h"',
      "native/ops/linear/linear.h": "",
      "native/ops/context.h": "",
      "native/ops/ops.h": '#include "ops/linear/linear.h"',
    };
    expect(nativeViolations(sources)).toEqual([]);
  });

  it.each([
    [
      "a higher rank",
      "(rank 0) imports native/ops/b.h (rank 1)",
      { "native/core/a.h": '#include "ops/b.h"', "native/ops/b.h": "" },
    ],
    [
      "a stranger of equal rank",
      "(rank 3) imports native/sample/b.h (rank 3)",
      { "native/train/a.h": '#include "sample/b.h"', "native/sample/b.h": "" },
    ],
    [
      "a room of higher rank",
      "(rank 0 in native/ops) imports native/ops/lora/b.h (rank 1)",
      { "native/ops/linear/a.h": '#include "ops/lora/b.h"', "native/ops/lora/b.h": "" },
    ],
    [
      "the table above the rooms",
      "its rooms see context.h, cuda.h, kernels.h",
      { "native/ops/norm/a.cpp": '#include "ops/ops.h"', "native/ops/ops.h": "" },
    ],
    [
      "the engine from below",
      "(rank 3) imports native/engine.h (rank 4)",
      { "native/train/a.h": '#include "engine.h"', "native/engine.h": "" },
    ],
    [
      "more than engine.h in bindings",
      "bindings see only",
      { "bindings/a.cpp": '#include "core/b.h"', "native/core/b.h": "" },
    ],
    [
      "bindings from native",
      "does not know bindings",
      { "native/engine.cpp": '#include "../bindings/b.h"', "bindings/b.h": "" },
    ],
    ["napi.h outside bindings", "only bindings/ may", { "native/engine.cpp": "#include <napi.h>" }],
    ["POSIX outside os_*.cpp", "os_*.cpp may", { "native/core/pool.cpp": "#include <sys/mman.h>" }],
    [
      "an x86 header in a common file",
      "<immintrin.h>; only files of one",
      { "native/ops/a.cpp": "#include <immintrin.h>" },
    ],
    [
      "lanes in a common file",
      "a.lanes.h; only files of one",
      { "native/ops/a.cpp": '#include "ops/a.lanes.h"', "native/ops/a.lanes.h": "" },
    ],
    ["a file that is not there", "no file below native/", { "native/core/a.h": '#include "core/b.h"' }],
    [
      "a cycle",
      "cycle: native/core/a.h -> native/core/b.h -> native/core/a.h",
      { "native/core/a.h": '#include "core/b.h"', "native/core/b.h": '#include "core/a.h"' },
    ],
  ])("reports a C++ include of %s", (_what, sentence, sources) => {
    expect(nativeViolations(sources as Record<string, string>)).toEqual([expect.stringContaining(sentence)]);
  });
});
