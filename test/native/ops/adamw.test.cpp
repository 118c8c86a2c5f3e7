#include "ops/adamw.h"

#include "backends.h"
#include "ops/adamw.reference.h"

namespace agl::test {
namespace {

constexpr AdamwStep kStep = {1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 0.37};

struct State {
  Floats p, m, v;
  explicit State(std::int64_t count) : p(randomNumbers(count, 1)), m(static_cast<std::size_t>(count)), v(m) {}
};

void steps(Context& ctx, State& s, int count) {
  const std::int64_t n = static_cast<std::int64_t>(s.p.size());
  for (int t = 1; t <= count; t++) {
    Floats g = randomNumbers(n, 10 + t);
    AdamwStep options = kStep;
    options.step = t;
    ctx.ops.adamw.step(ctx, matrix(s.p.data(), 1, n), matrix(g.data(), 1, n), matrix(s.m.data(), 1, n),
                        matrix(s.v.data(), 1, n), options);
  }
}

}  // namespace

TEST("adamw: five steps agree with the formula in double to the rounding of float32") {
  const std::int64_t n = 1001;
  onEveryBackend([&](Context& ctx) {
    State s(n);
    std::vector<double> p(s.p.begin(), s.p.end()), m(p.size()), v(p.size());
    steps(ctx, s, 5);
    for (int t = 1; t <= 5; t++) {
      const Floats g32 = randomNumbers(n, 10 + t);
      const std::vector<double> g(g32.begin(), g32.end());
      AdamwStep options = kStep;
      options.step = t;
      reference::adamwStep(p.data(), g.data(), m.data(), v.data(), n, options);
    }
    // Half a step of 2^-23 for each rounding of the five steps: at most 6 in m and v, 2 in p beside the update's own.
    constexpr double eps = 0x1p-24;
    for (std::size_t i = 0; i < p.size(); i++) {
      CHECK_NEAR(s.m[i], m[i], 30 * eps, 0);  // m sums terms of both signs, each below 1
      CHECK_NEAR(s.v[i], v[i], 0, 30 * eps);
      CHECK_NEAR(s.p[i], p[i], 10 * eps + 5 * 1e-3 * 80 * eps, 0);
    }
  });
}

TEST("adamw: every instruction set and any number of threads take the same steps to the last bit") {
  for (const std::int64_t n : {1, 15, 16, 17, 1001, 100'003}) {
    Pool pool(1, 64);
    Context scalar = cpuContext(pool, *kernelsOf(Isa::scalar));
    State expected(n);
    steps(scalar, expected, 3);
    onEveryBackend([&](Context& ctx) {
      State s(n);
      steps(ctx, s, 3);
      CHECK(sameNumbers(s.p, expected.p) && sameNumbers(s.m, expected.m) && sameNumbers(s.v, expected.v));
    });
  }
}

TEST("adamw: the first step of a constant gradient moves every parameter by the learning rate") {
  onEveryBackend([&](Context& ctx) {
    Floats p(40, 0.5F), g(40, 0.1F), m(40), v(40);
    const AdamwStep options = {1e-3, 0.9, 0.999, 0, 0, 1, 1};
    ctx.ops.adamw.step(ctx, matrix(p.data(), 1, 40), matrix(g.data(), 1, 40), matrix(m.data(), 1, 40),
                        matrix(v.data(), 1, 40), options);
    for (const float value : p) CHECK_NEAR(value, 0.5 - 1e-3, 2 * 0x1p-24, 0);
  });
}

TEST("adamw: 1 - beta keeps its bits: rounded once from double, not taken from the rounded beta") {
  const AdamwConstants c = adamwConstants(kStep);
  CHECK(c.rest1 == static_cast<float>(1 - 0.9));
  CHECK(c.rest2 == static_cast<float>(1 - 0.95));
  AdamwStep late = kStep;
  late.step = 1'000;
  CHECK_NEAR(adamwConstants(late).rate, 1e-3, 0, 0x1p-23);
  CHECK_NEAR(adamwConstants(kStep).rate, 1e-2, 0, 0x1p-23);
  CHECK_NEAR(adamwConstants(kStep).root, std::sqrt(0.05), 0, 0x1p-23);
}

TEST("adamw: squaredNorm is the sum of squares, the same bits with any number of threads") {
  for (const std::int64_t n : {1, 15, 17, 4096, 4097, 1'000'003, 5'000'000}) {
    Floats g = randomNumbers(n, 1);
    double expected = 0;
    for (const float x : g) expected += static_cast<double>(x) * x;
    double first = -1;
    onEveryBackend([&](Context& ctx) {
      const double norm = ctx.ops.adamw.squaredNorm(ctx, matrix(g.data(), 1, n));
      CHECK_NEAR(norm, expected, 0, static_cast<double>(n) * 0x1p-53);
      if (first < 0) first = norm;
      CHECK(norm == first);
    });
  }
}

}  // namespace agl::test
