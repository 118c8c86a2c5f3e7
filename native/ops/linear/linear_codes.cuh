// Weights of one byte as bf16 numbers, which they are exactly (core/codes.h), in registers.
#pragma once

#include "core/cuda.h"
#include "core/view.h"

namespace agl {

// The number of the lowest byte.
template <Dtype kCodes>
__device__ __forceinline__ float numberOfCode(std::uint32_t codes) {
  // 2^23 + 128 + q, less 2^23 + 128.
  if constexpr (kCodes == Dtype::i8) return __fadd_rn(__uint_as_float(0x4b000000U | ((codes ^ 0x80U) & 0xffU)), -8388736.0F);
  return __fmul_rn(__uint_as_float((codes & 0x80U) << 24 | (codes & 0x7fU) << 20), 0x1p120F);
}

// Those of the two lowest bytes as a pair of bf16.
template <Dtype kCodes>
__device__ __forceinline__ std::uint32_t bf16OfCodes(std::uint32_t codes) {
  const std::uint32_t low = __float_as_uint(numberOfCode<kCodes>(codes)), high = __float_as_uint(numberOfCode<kCodes>(codes >> 8));
  return (high & 0xffff0000U) | low >> 16;
}

// Eight codes as eight bf16.
template <Dtype kCodes>
__device__ __forceinline__ uint4 bf16OfCodes(uint2 codes) {
  return make_uint4(bf16OfCodes<kCodes>(codes.x), bf16OfCodes<kCodes>(codes.x >> 16), bf16OfCodes<kCodes>(codes.y),
                    bf16OfCodes<kCodes>(codes.y >> 16));
}

}  // namespace agl
