// RMSNorm over sixteen lanes: rows as lanes of c, sums in one vector, then one fixed tree.
#pragma once

#include "core/lanes.h"
#include "ops/norm/rms_norm.h"

namespace agl::AGL_ISA {

inline float rmsNormForward(float* y, const float* x, const float* w, std::int64_t c, float eps) {
  F16 squares = broadcast(0.0F);
  std::int64_t i = 0;
  for (; i + kLanes <= c; i += kLanes) {
    const F16 a = load(x + i);
    squares = fma(a, a, squares);
  }
  const int rest = static_cast<int>(c - i);
  if (rest > 0) {
    const F16 a = loadFirst(x + i, rest);
    squares = fma(a, a, squares);
  }
  float lanes[kLanes];
  const float mean = sumLanes(squares) / static_cast<float>(c);
  store(lanes, div(broadcast(1.0F), sqrt(broadcast(mean + eps))));
  const float rstd = lanes[0];
  const F16 scale = broadcast(rstd);
  for (i = 0; i + kLanes <= c; i += kLanes) store(y + i, mul(load(w + i), mul(load(x + i), scale)));
  if (rest > 0) storeFirst(y + i, mul(loadFirst(w + i, rest), mul(loadFirst(x + i, rest), scale)), rest);
  return rstd;
}

inline void rmsNormBackward(float* dx, const float* dy, const float* x, const float* w, float rstd, std::int64_t c) {
  F16 products = broadcast(0.0F);
  std::int64_t i = 0;
  for (; i + kLanes <= c; i += kLanes) products = fma(mul(load(w + i), load(dy + i)), load(x + i), products);
  const int rest = static_cast<int>(c - i);
  if (rest > 0) {
    products = fma(mul(loadFirst(w + i, rest), loadFirst(dy + i, rest)), loadFirst(x + i, rest), products);
  }
  const float mean = sumLanes(products) / static_cast<float>(c);
  const F16 scale = broadcast(rstd);
  const F16 pull = broadcast(rstd * rstd * mean);
  for (i = 0; i + kLanes <= c; i += kLanes) {
    const F16 inner = sub(mul(load(w + i), load(dy + i)), mul(load(x + i), pull));
    store(dx + i, add(load(dx + i), mul(scale, inner)));
  }
  if (rest > 0) {
    const F16 inner = sub(mul(loadFirst(w + i, rest), loadFirst(dy + i, rest)), mul(loadFirst(x + i, rest), pull));
    storeFirst(dx + i, add(loadFirst(dx + i, rest), mul(scale, inner)), rest);
  }
}

inline void rmsNormBackwardWeight(float* dw, const float* dy, const float* x, float rstd, std::int64_t count) {
  const F16 scale = broadcast(rstd);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(dw + i, add(load(dw + i), mul(load(dy + i), mul(load(x + i), scale))));
  }
  const int rest = static_cast<int>(count - i);
  if (rest > 0) {
    const F16 term = mul(loadFirst(dy + i, rest), mul(loadFirst(x + i, rest), scale));
    storeFirst(dw + i, add(loadFirst(dw + i, rest), term), rest);
  }
}

constexpr RmsNormKernels kRmsNorm = {rmsNormForward, rmsNormBackward, rmsNormBackwardWeight};

}  // namespace agl::AGL_ISA
