#include "ops/activation/swiglu.h"

#include "ops/activation/swiglu.reference.h"
#include "ops/backends.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, cols;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 5}, {4, 33}, {17, 31}, {60, 4864}};

// Gates from -20 to 20: both flat ends and the bend.
Floats gates(std::int64_t count) {
  Floats out = randomNumbers(count, 1);
  for (float& g : out) g *= 20.0F;
  return out;
}

}  // namespace

TEST("swiglu: forward equals the reference, writes every output and gives the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const std::int64_t count = s.rows * s.cols;
    const Floats g0 = gates(count), u0 = randomNumbers(count, 2);
    Floats first;
    onEveryDevice([&](Context& ctx) {
      Apart y(s.rows, s.cols, kNan, ctx.device), g(s.rows, s.cols, g0, ctx.device), u(s.rows, s.cols, u0, ctx.device);
      ctx.ops.swiglu.forward(ctx, y.view(), g.view(), u.view());
      if (first.empty()) {
        for (std::int64_t r = 0; r < s.rows; r++) first.insert(first.end(), y.row(r), y.row(r) + s.cols);
      }
      CHECK(y.equals(first));
    });
    for (std::int64_t i = 0; i < count; i++) {  // exp within 2 steps, four roundings more
      const double expected = reference::swigluForward(static_cast<double>(g0[i]), static_cast<double>(u0[i]));
      CHECK_NEAR(static_cast<double>(first[i]), expected, 0, 0x1p-24 * 8);
    }
  }
}

TEST("swiglu: backward equals the reference, adds to its outputs and gives the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const std::int64_t count = s.rows * s.cols;
    const Floats g0 = gates(count), u0 = randomNumbers(count, 2), dy0 = randomNumbers(count, 3);
    const Floats dg0 = randomNumbers(count, 4), du0 = randomNumbers(count, 5);
    Floats firstG, firstU;
    onEveryDevice([&](Context& ctx) {
      Apart g(s.rows, s.cols, g0, ctx.device), u(s.rows, s.cols, u0, ctx.device), dy(s.rows, s.cols, dy0, ctx.device);
      Apart dg(s.rows, s.cols, dg0, ctx.device), du(s.rows, s.cols, du0, ctx.device);
      ctx.ops.swiglu.backward(ctx, dg.view(), du.view(), dy.view(), g.view(), u.view());
      if (firstG.empty()) {
        for (std::int64_t r = 0; r < s.rows; r++) {
          firstG.insert(firstG.end(), dg.row(r), dg.row(r) + s.cols);
          firstU.insert(firstU.end(), du.row(r), du.row(r) + s.cols);
        }
      }
      CHECK(dg.equals(firstG) && du.equals(firstU));
    });
    for (std::int64_t i = 0; i < count; i++) {
      double dg = static_cast<double>(dg0[i]), du = static_cast<double>(du0[i]);
      reference::swigluBackward(dg, du, static_cast<double>(dy0[i]), static_cast<double>(g0[i]),
                                static_cast<double>(u0[i]));
      // 1 - sigmoid is off by 2^-24 when sigmoid is near 1, times g <= 20; du is at most 20.
      CHECK_NEAR(static_cast<double>(firstG[i]), dg, 0x1p-24 * 32, 0);
      CHECK_NEAR(static_cast<double>(firstU[i]), du, 0x1p-24 * 2, 0x1p-24 * 8);
    }
  }
}

TEST("swiglu: a gate of any size gives a finite value, 0 at the far negative end and the gate at the positive one") {
  const Floats g0 = {-1e30F, -200.0F, -88.0F, 0.0F, 88.0F, 200.0F};
  onEveryDevice([&](Context& ctx) {
    Apart y(1, 6, kNan, ctx.device), g(1, 6, g0, ctx.device), u(1, 6, 1.0F, ctx.device);
    ctx.ops.swiglu.forward(ctx, y.view(), g.view(), u.view());
    CHECK(y.row(0)[0] == 0.0F && y.row(0)[1] == 0.0F && std::abs(y.row(0)[2]) < 1e-35F && y.row(0)[3] == 0.0F);
    CHECK(y.row(0)[4] == 88.0F && y.row(0)[5] == 200.0F);
  });
}

TEST("swiglu: the reference's gradient equals central differences") {
  const std::vector<double> dy = {0.7, -0.3, 0.1};
  std::vector<double> g = {-1.3, 0.2, 4.1}, u = {0.4, -0.9, 1.7}, dg(3), du(3);
  for (std::size_t i = 0; i < 3; i++) reference::swigluBackward(dg[i], du[i], dy[i], g[i], u[i]);
  const auto value = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < 3; i++) sum += dy[i] * reference::swigluForward(g[i], u[i]);
    return sum;
  };
  const std::vector<double> dgDifferences = centralDifferences(g, value), duDifferences = centralDifferences(u, value);
  for (std::size_t i = 0; i < 3; i++) {
    CHECK_NEAR(dg[i], dgDifferences[i], 1e-6, 1e-6);
    CHECK_NEAR(du[i], duDifferences[i], 1e-6, 1e-6);
  }
}

}  // namespace agl::test
