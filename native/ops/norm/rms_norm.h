// RMSNorm: scale each row to unit root-mean-square, then by a learned weight.   Zhang & Sennrich 2019, arXiv:1910.07467
//   rstd[r] = 1 / sqrt( (1/C) sum_c x[r,c]^2 + eps )          y[r,c] = w[c] (x[r,c] rstd[r])
//   dx[r,c] += rstd[r] ( w[c] dy[r,c] - x[r,c] rstd[r]^2 (1/C) sum_k w[k] dy[r,k] x[r,k] )
//   dw[c]   += sum_r dy[r,c] x[r,c] rstd[r]                   r ascending; skipped when dw.data is null
// x, y, dx, dy (R,C); w, dw (1,C); rstd (1,R), written by forward, read by backward. The sum over c runs in lanes of
// 16, then one fixed tree. y may be x (in place).
#pragma once

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct RmsNorm {
  void (*forward)(Context&, View y, View rstd, View x, View w, float eps);
  void (*backward)(Context&, View dx, View dw, View dy, View x, View w, View rstd);
};

// --- internal ---

extern const RmsNorm kCpuRmsNorm;
extern const RmsNorm kCudaRmsNorm;

struct RmsNormKernels {
  // One row; returns rstd.
  float (*forward)(float* y, const float* x, const float* w, std::int64_t c, float eps);
  void (*backward)(float* dx, const float* dy, const float* x, const float* w, float rstd, std::int64_t c);
  // dw[c] += dy[c] (x[c] rstd) for c in [0, count).
  void (*backwardWeight)(float* dw, const float* dy, const float* x, float rstd, std::int64_t count);
};

}  // namespace agl
