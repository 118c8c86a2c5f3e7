// exp and log of one float64: the one source of elementary.cpp on the host and elementary.cuh on the device. Each
// product, sum and quotient is rounded separately: compiled without contraction on both.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace agl::elementary::source {

constexpr double kInfinity = __builtin_huge_val();
constexpr double kNan = __builtin_nan("");
// ln 2 in two parts: the product of a whole number below 2^20 with the first is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr std::int64_t kExponentBias = 1023;

AGL_HOST_DEVICE inline double powerOfTwo(std::int64_t n) {  // n in [-1022, 1023]
  return __builtin_bit_cast(double, static_cast<std::uint64_t>(n + kExponentBias) << 52);
}

// Nearest whole number, ties to even, for |x| < 2^51.
AGL_HOST_DEVICE inline double nearest(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

AGL_HOST_DEVICE inline double exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.14) return 0.0;
  const double n = nearest(x * kLog2E);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double tail = 1.0 / 6227020800.0;  // 13!
  tail = tail * r + 1.0 / 479001600.0;
  tail = tail * r + 1.0 / 39916800.0;
  tail = tail * r + 1.0 / 3628800.0;
  tail = tail * r + 1.0 / 362880.0;
  tail = tail * r + 1.0 / 40320.0;
  tail = tail * r + 1.0 / 5040.0;
  tail = tail * r + 1.0 / 720.0;
  tail = tail * r + 1.0 / 120.0;
  tail = tail * r + 1.0 / 24.0;
  tail = tail * r + 1.0 / 6.0;
  tail = tail * r + 0.5;
  const double mantissa = 1.0 + (r + r * r * tail);
  const std::int64_t power = static_cast<std::int64_t>(n);
  const std::int64_t half = power / 2;
  return mantissa * powerOfTwo(half) * powerOfTwo(power - half);
}

AGL_HOST_DEVICE inline double log(double x) {
  if (x != x || x == kInfinity) return x;
  if (x == 0.0) return -kInfinity;
  if (x < 0.0) return kNan;
  std::int64_t power = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    power = -54;
  }
  // x = 2^power m with m in [sqrt(1/2), sqrt(2)).
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x);
  const std::int64_t shift = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  const double f = __builtin_bit_cast(double, bits - (static_cast<std::uint64_t>(shift) << 52)) - 1.0;
  power += shift;
  // log(1 + f) = 2 atanh(s), s = f / (2 + f); 2 s = f - f^2/2 + s f^2/2 keeps the leading term exact.
  const double s = f / (2.0 + f);
  const double z = s * s;
  double tail = 2.0 / 21.0;
  for (int odd = 19; odd >= 3; odd -= 2) tail = tail * z + 2.0 / odd;
  const double half = 0.5 * f * f;
  const double n = static_cast<double>(power);
  return n * kLn2High - ((half - (s * (half + z * tail) + n * kLn2Low)) - f);
}

}  // namespace agl::elementary::source
