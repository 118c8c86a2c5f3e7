// Ratios of probabilities from their logarithms, in float64 with the same bits on every platform.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace agl {

inline constexpr double kMaxLogRatio = 20;

// e^x for |x| <= 700 (libm's is not the same everywhere): 2^n e^r with |r| <= ln 2 / 2, Taylor to r^13, whose remainder is below half an ulp. e^0 is exactly 1.
inline double exponential(double x) {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // 11 low bits clear: n kLn2High is exact
  constexpr double kLn2Low = 0x1.ef35793c76730p-45;
  const double n = std::nearbyint(x * kLog2E);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1;
  for (int k = 13; k >= 1; k--) p = 1 + p * r / k;
  return std::ldexp(p, static_cast<int>(n));
}

// e^d - d - 1 without cancellation: the series near 0, where the difference would be noise of either sign.
inline double k3(double d) {
  if (std::abs(d) >= 0.5) return exponential(d) - d - 1;
  double p = 1;
  for (int k = 16; k >= 3; k--) p = 1 + p * d / k;
  return d * d / 2 * p;
}

// A log ratio as it is exponentiated, and whether it was out of bounds. Not finite stays so: clamping would hide it.
struct LogRatio {
  double value;
  bool held;
};
inline LogRatio logRatio(double numerator, double denominator) {
  const double d = numerator - denominator;
  if (!std::isfinite(d)) return {std::numeric_limits<double>::quiet_NaN(), false};
  return {std::clamp(d, -kMaxLogRatio, kMaxLogRatio), std::abs(d) > kMaxLogRatio};
}

}  // namespace agl
