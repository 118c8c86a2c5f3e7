// Elementary functions in device code: exp of a float in the bits of elementary.lanes.h, exp and log of a double in
// those of elementary.h.
#pragma once

#include <cstdint>

#include "core/cuda.h"
#include "core/elementary.double.h"

namespace agl::cuda {

__device__ inline double exp(double x) { return elementary::source::exp(x); }
__device__ inline double log(double x) { return elementary::source::log(x); }

// One lane of elementary.lanes.h, whose comments hold here: the same operations in the same order.
__device__ inline float exp(float x) {
  constexpr float lowest = -87.33654F, highest = 89.0F, most = 127.0F, whole = 12582912.0F;  // 1.5 * 2^23
  const float above = lowest > x ? lowest : x;
  const float inside = highest < above ? highest : above;
  const float rounded = __fadd_rn(__fadd_rn(__fmul_rn(inside, 0x1.715476p+0F), whole), -whole);
  const float n = rounded > -126.0F ? rounded : -126.0F;
  float r = __fmaf_rn(n, -0x1.62e43p-1F, inside);
  r = __fmaf_rn(n, 0x1.05c61p-29F, r);
  float p = 0x1.6a23cep-10F;
  p = __fmaf_rn(p, r, 0x1.123a2p-7F);
  p = __fmaf_rn(p, r, 0x1.5558f2p-5F);
  p = __fmaf_rn(p, r, 0x1.555492p-3F);
  p = __fmaf_rn(p, r, 0x1.fffffcp-2F);
  p = __fmaf_rn(p, r, 1.0F);
  p = __fmaf_rn(p, r, 1.0F);
  const float exponent = n < most ? n : most;
  p = __fmul_rn(p, __uint_as_float(static_cast<std::uint32_t>(static_cast<std::int32_t>(exponent) + 127) << 23));
  p = __fmul_rn(p, most < n ? 2.0F : 1.0F);
  return x < lowest ? 0.0F : p;
}

// log of a positive finite float: logOf of log_softmax.h.
__device__ inline float logOf(float x) { return static_cast<float>(log(static_cast<double>(x))); }

}  // namespace agl::cuda
