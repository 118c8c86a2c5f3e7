// AdamW with decoupled weight decay, and the global norm it is clipped by.   Loshchilov & Hutter 2019, arXiv:1711.05101
//   g' = clip g        m = b1 m + (1 - b1) g'        v = b2 v + (1 - b2) g'^2
//   p = p (1 - lr wd) - (lr / (1 - b1^t)) m / ( sqrt(v) / sqrt(1 - b2^t) + eps )           as PyTorch orders it
// p, g, m, v: vectors of the same length, f32. squaredNorm is a float64 sum over fixed pieces of 4,096 in ascending order, so it does
// not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct AdamwStep {
  double lr;
  double beta1;
  double beta2;
  double eps;
  double weightDecay;
  std::int64_t step;  // t, from 1
  double gradientScale;  // the clipping factor
};

struct Adamw {
  void (*step)(Context&, View p, View g, View m, View v, const AdamwStep& options);
  double (*squaredNorm)(Context&, View g);
};

// --- internal ---

struct AdamwKernels {
  // Constants prepared once: decay = 1 - lr wd, rate = lr / (1 - b1^t), root = 1 / sqrt(1 - b2^t).
  void (*step)(float* p, const float* g, float* m, float* v, std::int64_t count, float scale, float beta1, float beta2,
               float decay, float rate, float root, float eps);
};

}  // namespace agl
