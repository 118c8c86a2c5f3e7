// AdamW with decoupled weight decay, and the global norm it is clipped by.   Loshchilov & Hutter 2019, arXiv:1711.05101
//   g' = clip g        m = b1 m + (1 - b1) g'        v = b2 v + (1 - b2) g'^2
//   p = p (1 - lr wd) - (lr / (1 - b1^t)) m / ( sqrt(v) / sqrt(1 - b2^t) + eps )           as PyTorch orders it
// p, g, m, v: vectors of the same length, f32. squaredNorm is a float64 sum over fixed pieces of 4,096 in ascending order
// (within a piece: 16 lanes, then one fixed tree), so it does not depend on the number of threads.
#pragma once

#include <cstddef>
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

// The step's numbers, computed in double and rounded once each, so that 1 - beta keeps all its bits.
struct AdamwConstants {
  float scale;    // the clipping factor
  float beta1;
  float rest1;    // 1 - beta1
  float beta2;
  float rest2;    // 1 - beta2
  float decay;    // 1 - lr weightDecay
  float rate;     // lr / (1 - beta1^t)
  float root;     // sqrt(1 - beta2^t)
  float eps;
};

struct AdamwKernels {
  void (*step)(float* p, const float* g, float* m, float* v, std::int64_t count, const AdamwConstants& constants);
};

AdamwConstants adamwConstants(const AdamwStep& options);

constexpr std::int64_t kSquaredNormPiece = 4096;
constexpr std::int64_t kSquaredNormPieces = std::int64_t{1} << 16;  // of a launch on a CUDA device: 268 million numbers

extern const Adamw kCpuAdamw;
extern const Adamw kCudaAdamw;
// Of squaredNorm over `count` numbers on a CUDA device.
std::size_t adamwCudaScratchBytes(std::int64_t count);

}  // namespace agl
