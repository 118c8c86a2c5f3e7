// The two 16-bit float formats of model files, widened exactly.
#pragma once

#include <bit>
#include <cstdint>

namespace agl {

inline float bf16ToF32(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

inline float f16ToF32(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | magnitude << 13);  // infinity, NaN
  // Read as a float with a tiny exponent, then scaled by 2^112: exact, subnormals included.
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112F));
}

}  // namespace agl
