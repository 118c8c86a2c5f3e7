// SwiGLU: the gated activation between an MLP's products.   Shazeer 2020, arXiv:2002.05202
//   y = (g sigma(g)) u,  sigma(g) = 1 / (1 + exp(-g)) with our own exp
//   dg += dy u sigma(g) (1 + g (1 - sigma(g)))        du += dy g sigma(g)
// All (R,C), f32.
#pragma once

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct Swiglu {
  void (*forward)(Context&, View y, View gate, View up);
  void (*backward)(Context&, View dgate, View dup, View dy, View gate, View up);
};

// --- internal ---

extern const Swiglu kCpuSwiglu;
extern const Swiglu kCudaSwiglu;

struct SwigluKernels {
  void (*forward)(float* y, const float* gate, const float* up, std::int64_t count);
  void (*backward)(float* dgate, float* dup, const float* dy, const float* gate, const float* up, std::int64_t count);
};

}  // namespace agl
