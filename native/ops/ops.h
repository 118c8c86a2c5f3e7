// The backend table: every operation of one device. Callers hold a `const Ops*` and know no device.
#pragma once

#include <vector>

#include "core/cpu_features.h"
#include "ops/activation/swiglu.h"
#include "ops/attention/attention.h"
#include "ops/draw/draw.h"
#include "ops/head/log_softmax.h"
#include "ops/linear/linear.h"
#include "ops/lora/lora.h"
#include "ops/norm/rms_norm.h"
#include "ops/optimizer/adamw.h"
#include "ops/rope/rope.h"
#include "ops/rows/elementwise.h"
#include "ops/rows/embedding.h"
#include "ops/rows/rows.h"

namespace agl {

// What passes over a model ask of its operations at most.
struct Workload {
  struct Product {
    std::int64_t outputs, inputs;
    Dtype weights;
    std::int64_t rows;
  };
  std::int64_t rows;
  Dtype compute;
  std::vector<Product> products;
  AttentionShape attention;
  struct Draws {
    std::int64_t rows, vocabulary, topLogprobs;
  } draws;
};

struct Ops {
  Linear linear;
  Lora lora;
  Elementwise elementwise;
  RmsNorm rmsNorm;
  Rope rope;
  Swiglu swiglu;
  Attention attention;
  LogSoftmax logSoftmax;
  Embedding embedding;
  Adamw adamw;
  RowMoves rows;
  Draw draw;
  // Workspace that the operations take: each worker's on the CPU, a device's else.
  std::size_t (*scratchBytes)(const Workload& workload);
};

const Ops& cpuOps();

// The kernels the CPU operations call, one table per instruction set; null where this build has none.
const Kernels* kernelsOf(Isa isa);
// The widest set that this build and this machine have.
Isa bestIsa();

}  // namespace agl
