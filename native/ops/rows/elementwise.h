// Row-wise additions of a layer: residual, bias, scaled LoRA product; the sums their gradients need; what is remembered.
//   add        y[r,c] = y[r,c] + x[r,c]
//   addScaled  y[r,c] = y[r,c] + s x[r,c]                 two roundings: product, sum (LoRA's s B(Ax), Law 1)
//   addBias    y[r,n] = y[r,n] + b[n]
//   sumRows    db[n] += sum_r dy[r,n]                     r ascending, from the value db holds
//   keep       y[slot[r],c] = x[r,c]                      y f32, or bf16 rounded to nearest even; slot[r] is r where null
// y, x (R,C), of keep y (slots,C); b, db (1,N). All f32 but the y of keep.
#pragma once

#include <cstdint>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct Elementwise {
  void (*add)(Context&, View y, View x);
  void (*addScaled)(Context&, View y, View x, float s);
  void (*addBias)(Context&, View y, View b);
  void (*sumRows)(Context&, View db, View dy);
  void (*keep)(Context&, View y, View x, const std::int32_t* slots);
};

// --- internal ---

struct ElementwiseKernels {
  void (*addScaled)(float* y, const float* x, float s, std::int64_t count);
  void (*add)(float* y, const float* x, std::int64_t count);
};

extern const Elementwise kCpuElementwise;
extern const Elementwise kCudaElementwise;

}  // namespace agl
