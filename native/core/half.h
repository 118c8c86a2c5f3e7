// The two 16-bit float formats: widened exactly, and bf16 rounded to.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace agl {

AGL_HOST_DEVICE inline float bf16ToF32(std::uint16_t bits) { return __builtin_bit_cast(float, std::uint32_t{bits} << 16); }

// To nearest, ties to even; NaN stays NaN.
AGL_HOST_DEVICE inline std::uint16_t f32ToBf16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

AGL_HOST_DEVICE inline float f16ToF32(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) return __builtin_bit_cast(float, sign | 0x7f800000U | magnitude << 13);  // infinity, NaN
  // Read as a float with a tiny exponent, then scaled by 2^112: exact, subnormals included.
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, magnitude << 13) * 0x1p112F));
}

}  // namespace agl
