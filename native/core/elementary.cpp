#include "core/elementary.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace agl::elementary {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// ln 2 in two parts, pi/2 in three: the product of a whole number below 2^20 with any part but the last is exact.
constexpr double kLn2[] = {0x1.62e42feep-1, 0x1.a39ef35793c76p-33};
constexpr double kHalfPi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

constexpr std::int64_t kExponentBias = 1023;

double powerOfTwo(std::int64_t n) {  // n in [-1022, 1023]
  return std::bit_cast<double>(static_cast<std::uint64_t>(n + kExponentBias) << 52);
}

// Nearest whole number, ties to even, for |x| < 2^51.
double nearest(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// sin(r) and cos(r) for |r| <= pi/4 + a little, by their series.
double sinSeries(double r) {
  const double z = r * r;
  double tail = 1.0 / 355687428096000.0;  // 17!
  tail = tail * z - 1.0 / 1307674368000.0;
  tail = tail * z + 1.0 / 6227020800.0;
  tail = tail * z - 1.0 / 39916800.0;
  tail = tail * z + 1.0 / 362880.0;
  tail = tail * z - 1.0 / 5040.0;
  tail = tail * z + 1.0 / 120.0;
  tail = tail * z - 1.0 / 6.0;
  return r + r * (z * tail);
}

double cosSeries(double r) {
  const double z = r * r;
  double tail = -1.0 / 6402373705728000.0;  // 18!
  tail = tail * z + 1.0 / 20922789888000.0;
  tail = tail * z - 1.0 / 87178291200.0;
  tail = tail * z + 1.0 / 479001600.0;
  tail = tail * z - 1.0 / 3628800.0;
  tail = tail * z + 1.0 / 40320.0;
  tail = tail * z - 1.0 / 720.0;
  tail = tail * z + 1.0 / 24.0;
  const double half = 0.5 * z;
  const double head = 1.0 - half;
  return head + (((1.0 - head) - half) + z * z * tail);
}

// x - n pi/2, rounded about once: what the second difference loses goes into the third.
double reduced(double x, double n) {
  const double a = x - n * kHalfPi[0];
  const double b = n * kHalfPi[1];
  const double difference = a - b;
  const double taken = a - difference;
  const double lost = (a - (difference + taken)) + (taken - b);
  return difference + (lost - n * kHalfPi[2]);
}

// sin(x + quarter pi/2).
double sinShifted(double x, std::int64_t quarter) {
  if (!(x >= -1e6 && x <= 1e6)) return kNan;
  const double n = nearest(x * kTwoOverPi);
  const double r = reduced(x, n);
  const std::int64_t quadrant = (static_cast<std::int64_t>(n) + quarter) & 3;
  const double value = (quadrant & 1) != 0 ? cosSeries(r) : sinSeries(r);
  return quadrant >= 2 ? -value : value;
}

}  // namespace

double exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.14) return 0.0;
  const double n = nearest(x * kLog2E);
  const double r = (x - n * kLn2[0]) - n * kLn2[1];
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

double log(double x) {
  if (x != x || x == kInfinity) return x;
  if (x == 0.0) return -kInfinity;
  if (x < 0.0) return kNan;
  std::int64_t power = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    power = -54;
  }
  // x = 2^power m with m in [sqrt(1/2), sqrt(2)).
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const std::int64_t shift = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  const double f = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(shift) << 52)) - 1.0;
  power += shift;
  // log(1 + f) = 2 atanh(s), s = f / (2 + f); 2 s = f - f^2/2 + s f^2/2 keeps the leading term exact.
  const double s = f / (2.0 + f);
  const double z = s * s;
  double tail = 2.0 / 21.0;
  for (int odd = 19; odd >= 3; odd -= 2) tail = tail * z + 2.0 / odd;
  const double half = 0.5 * f * f;
  const double n = static_cast<double>(power);
  return n * kLn2[0] - ((half - (s * (half + z * tail) + n * kLn2[1])) - f);
}

double sin(double x) { return sinShifted(x, 0); }
double cos(double x) { return sinShifted(x, 1); }

}  // namespace agl::elementary
