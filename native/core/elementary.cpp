#include "core/elementary.h"

#include <cstdint>

#include "core/elementary.double.h"

namespace agl::elementary {

namespace {

using source::kNan;
using source::nearest;
// pi/2 in three parts: the product of a whole number below 2^20 with any part but the last is exact.
constexpr double kHalfPi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

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

double exp(double x) { return source::exp(x); }
double log(double x) { return source::log(x); }
double sin(double x) { return sinShifted(x, 0); }
double cos(double x) { return sinShifted(x, 1); }

}  // namespace agl::elementary
