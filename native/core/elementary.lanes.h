// exp over sixteen lanes: one polynomial, one function for every lane and instruction set. At most 2 ulp; exp(0) = 1
// exactly; +0 below -87.33655 (where float32's normal numbers end), infinity above 88.72283; NaN stays NaN.
#pragma once

#include "core/lanes.h"

namespace agl::AGL_ISA {

inline F16 exp(F16 x) {
  const F16 lowest = broadcast(-87.33654F);
  // The order of the operands lets a NaN through; 89 is where the last factor below overflows.
  const F16 inside = min(broadcast(89.0F), max(lowest, x));
  // x = n ln 2 + r, ln 2 in two parts; a NaN becomes -126, so that n is a whole number in every lane.
  const F16 n = max(roundEven(mul(inside, broadcast(0x1.715476p+0F))), broadcast(-126.0F));
  F16 r = fma(n, broadcast(-0x1.62e43p-1F), inside);
  r = fma(n, broadcast(0x1.05c61p-29F), r);
  // exp(r) on |r| <= ln(2) / 2 within 3.1e-9, 1 + r + r^2 q(r) with minimax q.
  F16 p = broadcast(0x1.6a23cep-10F);
  p = fma(p, r, broadcast(0x1.123a2p-7F));
  p = fma(p, r, broadcast(0x1.5558f2p-5F));
  p = fma(p, r, broadcast(0x1.555492p-3F));
  p = fma(p, r, broadcast(0x1.fffffcp-2F));
  p = fma(p, r, broadcast(1.0F));
  p = fma(p, r, broadcast(1.0F));
  // 2^128 does not exist: the last doubling is a factor of its own.
  const F16 most = broadcast(127.0F);
  p = mul(p, powerOfTwo(min(n, most)));
  p = mul(p, select(less(most, n), broadcast(2.0F), broadcast(1.0F)));
  return select(less(x, lowest), broadcast(0.0F), p);
}

// The same function of one number.
inline float exp(float x) {
  float lanes[kLanes];
  store(lanes, exp(broadcast(x)));
  return lanes[0];
}

}  // namespace agl::AGL_ISA
