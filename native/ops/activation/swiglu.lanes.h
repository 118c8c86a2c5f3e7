// SwiGLU over sixteen lanes.
#pragma once

#include "core/elementary.lanes.h"
#include "ops/activation/swiglu.h"

namespace agl::AGL_ISA {

inline F16 sigmoid(F16 x) {
  const F16 one = broadcast(1.0F);
  return div(one, add(one, exp(sub(broadcast(0.0F), x))));
}

inline void swigluForward(float* y, const float* gate, const float* up, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const F16 g = load(gate + i);
    store(y + i, mul(mul(g, sigmoid(g)), load(up + i)));
  }
  const int rest = static_cast<int>(count - i);
  if (rest > 0) {
    const F16 g = loadFirst(gate + i, rest);
    storeFirst(y + i, mul(mul(g, sigmoid(g)), loadFirst(up + i, rest)), rest);
  }
}

inline void swigluBackward(float* dgate, float* dup, const float* dy, const float* gate, const float* up,
                           std::int64_t count) {
  const F16 one = broadcast(1.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const int lanes = static_cast<int>(count - i < kLanes ? count - i : kLanes);
    const F16 g = loadFirst(gate + i, lanes);
    const F16 d = loadFirst(dy + i, lanes);
    const F16 s = sigmoid(g);
    const F16 slope = mul(s, add(one, mul(g, sub(one, s))));
    const F16 dg = mul(mul(d, loadFirst(up + i, lanes)), slope);
    const F16 du = mul(d, mul(g, s));
    storeFirst(dgate + i, add(loadFirst(dgate + i, lanes), dg), lanes);
    storeFirst(dup + i, add(loadFirst(dup + i, lanes), du), lanes);
  }
}

constexpr SwigluKernels kSwiglu = {swigluForward, swigluBackward};

}  // namespace agl::AGL_ISA
