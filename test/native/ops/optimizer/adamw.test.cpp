#include "ops/optimizer/adamw.h"

#include "ops/backends.h"
#include "ops/optimizer/adamw.reference.h"

namespace agl::test {
namespace {

constexpr AdamwStep kStep = {1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 0.37};

struct State {
  Mirrored<float> p, m, v;
  State(std::int64_t count, Device& device)
      : p(device, randomNumbers(count, 1)), m(device, Floats(static_cast<std::size_t>(count))), v(device, m.host()) {}
};

void steps(Context& ctx, State& s, int count) {
  const std::int64_t n = static_cast<std::int64_t>(s.p.host().size());
  for (int t = 1; t <= count; t++) {
    Mirrored<float> g(ctx.device, randomNumbers(n, 10 + t));
    AdamwStep options = kStep;
    options.step = t;
    ctx.ops.adamw.step(ctx, matrix(s.p.device(), 1, n), matrix(g.device(), 1, n), matrix(s.m.device(), 1, n),
                       matrix(s.v.device(), 1, n), options);
  }
}

}  // namespace

TEST("adamw: five steps agree with the formula in double to the rounding of float32") {
  const std::int64_t n = 1001;
  onEveryDevice([&](Context& ctx) {
    State s(n, ctx.device);
    std::vector<double> p(s.p.host().begin(), s.p.host().end()), m(p.size()), v(p.size());
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
      CHECK_NEAR(s.m.host()[i], m[i], 30 * eps, 0);  // m sums terms of both signs, each below 1
      CHECK_NEAR(s.v.host()[i], v[i], 0, 30 * eps);
      CHECK_NEAR(s.p.host()[i], p[i], 10 * eps + 5 * 1e-3 * 80 * eps, 0);
    }
  });
}

TEST("adamw: every instruction set and any number of threads take the same steps to the last bit") {
  for (const std::int64_t n : {1, 15, 16, 17, 1001, 100'003}) {
    Pool pool(1, 64);
    Context scalar = cpuContext(pool, *kernelsOf(Isa::scalar));
    State expected(n, hostDevice());
    steps(scalar, expected, 3);
    onEveryDevice([&](Context& ctx) {
      State s(n, ctx.device);
      steps(ctx, s, 3);
      CHECK(sameNumbers(s.p.host(), expected.p.host()) && sameNumbers(s.m.host(), expected.m.host()));
      CHECK(sameNumbers(s.v.host(), expected.v.host()));
    });
  }
}

TEST("adamw: the first step of a constant gradient moves every parameter by the learning rate") {
  onEveryDevice([&](Context& ctx) {
    Mirrored<float> p(ctx.device, Floats(40, 0.5F)), g(ctx.device, Floats(40, 0.1F));
    Mirrored<float> m(ctx.device, Floats(40)), v(ctx.device, Floats(40));
    const AdamwStep options = {1e-3, 0.9, 0.999, 0, 0, 1, 1};
    ctx.ops.adamw.step(ctx, matrix(p.device(), 1, 40), matrix(g.device(), 1, 40), matrix(m.device(), 1, 40),
                       matrix(v.device(), 1, 40), options);
    for (const float value : p.host()) CHECK_NEAR(value, 0.5 - 1e-3, 2 * 0x1p-24, 0);
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
    const Floats g0 = randomNumbers(n, 1);
    double expected = 0;
    for (const float x : g0) expected += static_cast<double>(x) * x;
    double first = -1;
    onEveryDevice([&](Context& ctx) {
      Mirrored<float> g(ctx.device, g0);
      const double norm = ctx.ops.adamw.squaredNorm(ctx, matrix(g.device(), 1, n));
      CHECK_NEAR(norm, expected, 0, static_cast<double>(n) * 0x1p-53);
      if (first < 0) first = norm;
      CHECK(norm == first);
    });
  }
}

}  // namespace agl::test
