// Weights of one byte: a code q and the scale of its output, w = scale q, both ways. Symmetric: the largest of an output is the largest code.
//   i8  whole numbers in [-127, 127]
//   f8  e4m3 without infinities, up to 448   (Micikevicius et al. 2022, arXiv:2209.05433)
// Every code is a bf16 number. Rounding is to nearest, ties to even: |w - scale q| <= scale / 2 in i8; |w| / 16, or scale / 1,024 if that is more, in f8.
#pragma once

#include <cstdint>

#include "core/host_device.h"
#include "core/view.h"

namespace agl {

AGL_HOST_DEVICE inline std::uint32_t magnitudeBits(float value) { return __builtin_bit_cast(std::uint32_t, value) & 0x7fffffffU; }

// The scale of an output whose largest weight has these magnitudeBits: NaN where one is not finite, 1 where all are zero or too
// small for a normal scale.
AGL_HOST_DEVICE inline float codeScale(Dtype codes, std::uint32_t largest) {
  if (largest >= 0x7f800000U) return __builtin_bit_cast(float, 0x7fc00000U);
  const float scale = __builtin_bit_cast(float, largest) / (codes == Dtype::i8 ? 127.0F : 448.0F);
  return scale < 0x1p-126F ? 1.0F : scale;
}

// Of a weight no larger than its output's largest; 0 where the scale is NaN.
AGL_HOST_DEVICE inline std::uint8_t codeOf(Dtype codes, float weight, float scale) {
  const float value = weight / scale;
  if (!(value == value)) return 0;
  // A sum with 1.5 * 2^23 or 2^23 has a whole number in its last bits.
  if (codes == Dtype::i8) return static_cast<std::uint8_t>(__builtin_bit_cast(std::uint32_t, value + 0x1.8p23F));
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value), sign = bits >> 24 & 0x80U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude < 0x3c800000U) {  // below 2^-6, in steps of 2^-9
    const float steps = __builtin_bit_cast(float, magnitude) * 0x1p9F + 0x1p23F;
    return static_cast<std::uint8_t>(sign | (__builtin_bit_cast(std::uint32_t, steps) & 0xfU));
  }
  return static_cast<std::uint8_t>(sign | (((magnitude + 0x7ffffU + (magnitude >> 20 & 1U)) >> 20) - (120U << 3)));
}

AGL_HOST_DEVICE inline float codeToF32(Dtype codes, std::uint8_t code) {
  if (codes == Dtype::i8) return static_cast<float>(static_cast<std::int8_t>(code));
  const std::uint32_t magnitude = std::uint32_t{code & 0x7fU} << 20;
  const float value = __builtin_bit_cast(float, magnitude) * 0x1p120F;
  return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, value) | std::uint32_t{code & 0x80U} << 24);
}

}  // namespace agl
