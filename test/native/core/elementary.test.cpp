#include "core/elementary.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "ops/backends.h"

namespace agl::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// |a - exact| in steps of float64 at `exact`.
double steps(double a, long double exact) {
  const double rounded = std::abs(static_cast<double>(exact));
  const double step = std::max(std::nextafter(rounded, kInfinity) - rounded, 0x1p-1074);
  return static_cast<double>(std::abs(static_cast<long double>(a) - exact) / static_cast<long double>(step));
}

// exp of every lane, through the one operation that hands it out unchanged: the gradient with g = -1 and no normalizer.
Floats lanesExp(Context& ctx, const Floats& x) {
  const auto count = static_cast<std::int64_t>(x.size());
  Mirrored<float> in(ctx.device, x), out(ctx.device, Floats(x.size(), kNan));
  Mirrored<float> stats(ctx.device, {0.0F, 1.0F, 0.0F}), g(ctx.device, {-1.0F}), h(ctx.device, {0.0F});
  ctx.ops.logSoftmax.backward(ctx, matrix(out.device(), 1, count), matrix(in.device(), 1, count),
                              matrix(stats.device(), 1, 3), g.device(), h.device(), 1.0F);
  return out.host();
}

// Every `stride`-th float32 of both signs with |x| <= 89.
Floats denseFloats(std::uint32_t stride) {
  Floats out;
  for (std::uint32_t bits = 0; std::bit_cast<float>(bits) <= 89.0F; bits += stride) {
    out.push_back(std::bit_cast<float>(bits));
    out.push_back(-std::bit_cast<float>(bits));
  }
  return out;
}

}  // namespace

TEST("elementary: exp and log of float64 are within one step of the exact value") {
  double worstExp = 0, worstLog = 0;
  for (std::int64_t i = 0; i < 400'000; i++) {
    const double x = -708.0 + 0.00354231 * static_cast<double>(i);
    worstExp = std::max(worstExp, steps(elementary::exp(x), expl(static_cast<long double>(x))));
    const double y = elementary::exp(x);
    worstLog = std::max(worstLog, steps(elementary::log(y), logl(static_cast<long double>(y))));
    const double near1 = 0.5 + 0.0000037 * static_cast<double>(i);
    worstLog = std::max(worstLog, steps(elementary::log(near1), logl(static_cast<long double>(near1))));
  }
  CHECK(worstExp <= 1.0);
  CHECK(worstLog <= 1.0);
}

TEST("elementary: sin and cos of float64 are within two steps up to a million radians") {
  double worst = 0;
  for (std::int64_t i = 0; i < 400'000; i++) {
    for (const double x : {2.5000123 * static_cast<double>(i), -0.0000171 * static_cast<double>(i)}) {
      worst = std::max(worst, steps(elementary::sin(x), sinl(static_cast<long double>(x))));
      worst = std::max(worst, steps(elementary::cos(x), cosl(static_cast<long double>(x))));
    }
  }
  CHECK(worst <= 2.0);
  CHECK(std::isnan(elementary::sin(1.1e6)) && std::isnan(elementary::cos(kInfinity)));
  CHECK(elementary::sin(0.0) == 0.0 && elementary::cos(0.0) == 1.0);
}

TEST("elementary: exp and log of float64 answer at the ends of their range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(elementary::exp(0.0) == 1.0);
  CHECK(elementary::exp(710.0) == kInfinity && elementary::exp(kInfinity) == kInfinity);
  CHECK(elementary::exp(-746.0) == 0.0 && elementary::exp(-kInfinity) == 0.0);
  CHECK_NEAR(elementary::exp(-740.0), std::exp(-740.0), 0x1p-1073, 0);
  CHECK(elementary::log(1.0) == 0.0);
  CHECK(elementary::log(0.0) == -kInfinity && elementary::log(kInfinity) == kInfinity);
  CHECK_NEAR(elementary::log(0x1p-1070), std::log(0x1p-1070), 0, 0x1p-52);
  CHECK(std::isnan(elementary::log(-1.0)) && std::isnan(elementary::log(nan)) && std::isnan(elementary::exp(nan)));
}

TEST("elementary: exp over lanes is within two steps of the exact value, the same bits on every instruction set and device") {
  const Floats x = denseFloats(4099);
  Floats first;
  onEveryDevice([&](Context& ctx) {
    const Floats y = lanesExp(ctx, x);
    if (first.empty()) first = y;
    CHECK(sameNumbers(y, first));
  });
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); i++) {
    if (x[i] < -87.33F || x[i] > 88.72F) continue;
    const double exact = std::exp(static_cast<double>(x[i]));
    const float rounded = static_cast<float>(exact);
    const double step = static_cast<double>(std::nextafter(rounded, INFINITY)) - static_cast<double>(rounded);
    worst = std::max(worst, std::abs(static_cast<double>(first[i]) - exact) / step);
  }
  CHECK(worst <= 2.0);
}

TEST("elementary: exp over lanes is 1 at 0, +0 below the normal numbers, infinite above them, and keeps NaN") {
  const Floats x = {0.0F, -0.0F, -87.3366F, -100.0F, -INFINITY, 88.7229F, 1e30F};
  onEveryDevice([&](Context& ctx) {
    const Floats y = lanesExp(ctx, x);
    CHECK(y[0] == 1.0F && y[1] == 1.0F);
    for (const int i : {2, 3, 4}) CHECK(std::bit_cast<std::uint32_t>(y[static_cast<std::size_t>(i)]) == 0);
    CHECK(y[5] == INFINITY && y[6] == INFINITY);
    const float logits[2] = {kNan, 0.0F};  // relative to their maximum 0
    float stats[3] = {-INFINITY, 0.0F, 0.0F};
    ctx.kernels.logSoftmax.accumulate(stats, logits, 2, 1.0F);
    CHECK(stats[0] == 0.0F && std::isnan(stats[1]));
  });
}

}  // namespace agl::test
