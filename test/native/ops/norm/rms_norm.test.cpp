#include "ops/norm/rms_norm.h"

#include "ops/backends.h"
#include "ops/norm/rms_norm.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, cols;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 5}, {4, 33}, {7, 40}, {300, 97}, {300, 896}};
constexpr float kEps = 1e-5F;

std::vector<double> doubles(const Floats& x) { return {x.begin(), x.end()}; }

struct Gradient {
  Floats dx, dw;
};

}  // namespace

TEST("rms_norm: forward equals the reference, writes every output and gives the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const Floats x0 = randomNumbers(s.rows * s.cols, 1), w0 = randomNumbers(s.cols, 2);
    const std::vector<double> x = doubles(x0), w = doubles(w0);
    Floats first, firstRstd;
    onEveryDevice([&](Context& ctx) {
      Apart xs(s.rows, s.cols, x0, ctx.device), ys(s.rows, s.cols, kNan, ctx.device);
      Apart ws(1, s.cols, w0, ctx.device), rstd(1, s.rows, kNan, ctx.device);
      ctx.ops.rmsNorm.forward(ctx, ys.view(), rstd.view(), xs.view(), ws.view(), kEps);
      if (first.empty()) {
        firstRstd.assign(rstd.row(0), rstd.row(0) + s.rows);
        for (std::int64_t r = 0; r < s.rows; r++) first.insert(first.end(), ys.row(r), ys.row(r) + s.cols);
      }
      CHECK(ys.equals(first) && rstd.equals(firstRstd));
      ctx.ops.rmsNorm.forward(ctx, xs.view(), rstd.view(), xs.view(), ws.view(), kEps);
      CHECK(xs.equals(first));  // in place
    });
    for (std::int64_t r = 0; r < s.rows; r++) {
      std::vector<double> y(static_cast<std::size_t>(s.cols));
      const double rstd = reference::rmsNormForward(y.data(), x.data() + r * s.cols, w.data(), s.cols,
                                                    static_cast<double>(kEps));
      // Sixteen lanes: a sum of cols / 16 + 4 roundings, halved by the root; three more to y.
      const double rtol = 0x1p-24 * (static_cast<double>(s.cols) / 32 + 8);
      CHECK_NEAR(static_cast<double>(firstRstd[r]), rstd, 0, rtol);
      for (std::int64_t c = 0; c < s.cols; c++) {
        CHECK_NEAR(static_cast<double>(first[r * s.cols + c]), y[c], 0, rtol);
      }
    }
  }
}

TEST("rms_norm: backward equals the reference, adds to its outputs and gives the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const Floats x0 = randomNumbers(s.rows * s.cols, 1), w0 = randomNumbers(s.cols, 2);
    const Floats dy0 = randomNumbers(s.rows * s.cols, 3), dx0 = randomNumbers(s.rows * s.cols, 4);
    const Floats dw0 = randomNumbers(s.cols, 5);
    Gradient first;
    std::vector<Floats> dws;
    onEveryDevice([&](Context& ctx) {
      Apart x(s.rows, s.cols, x0, ctx.device), y(s.rows, s.cols, kNan, ctx.device), w(1, s.cols, w0, ctx.device);
      Apart dx(s.rows, s.cols, dx0, ctx.device), dy(s.rows, s.cols, dy0, ctx.device), dw(1, s.cols, dw0, ctx.device);
      Apart rstd(1, s.rows, kNan, ctx.device), frozen(s.rows, s.cols, dx0, ctx.device);
      ctx.ops.rmsNorm.forward(ctx, y.view(), rstd.view(), x.view(), w.view(), kEps);
      ctx.ops.rmsNorm.backward(ctx, dx.view(), dw.view(), dy.view(), x.view(), w.view(), rstd.view());
      ctx.ops.rmsNorm.backward(ctx, frozen.view(), {}, dy.view(), x.view(), w.view(), rstd.view());
      if (first.dw.empty()) {
        first.dw.assign(dw.row(0), dw.row(0) + s.cols);
        for (std::int64_t r = 0; r < s.rows; r++) first.dx.insert(first.dx.end(), dx.row(r), dx.row(r) + s.cols);
      }
      CHECK(dx.equals(first.dx) && frozen.equals(first.dx) && dw.marksHold());
      // A device sums dw over rows in an order of its own.
      if (ctx.device.isHost()) CHECK(dw.equals(first.dw));
      dws.emplace_back(dw.row(0), dw.row(0) + s.cols);
    });
    std::vector<double> dx = doubles(dx0), dw = doubles(dw0), y(static_cast<std::size_t>(s.cols));
    const std::vector<double> x = doubles(x0), w = doubles(w0), dy = doubles(dy0);
    for (std::int64_t r = 0; r < s.rows; r++) {
      const std::int64_t at = r * s.cols;
      const double rstd = reference::rmsNormForward(y.data(), x.data() + at, w.data(), s.cols,
                                                    static_cast<double>(kEps));
      reference::rmsNormBackward(dx.data() + at, dw.data(), dy.data() + at, x.data() + at, w.data(), rstd, s.cols);
      // A row of one number has the gradient 0 as the difference of two numbers of the size of rstd.
      const double step = 0x1p-24 * (static_cast<double>(s.cols) / 16 + 12) * std::max(1.0, rstd);
      for (std::int64_t c = 0; c < s.cols; c++) {
        CHECK_NEAR(static_cast<double>(first.dx[at + c]), dx[at + c], step, step);
      }
    }
    const double step = 0x1p-24 * static_cast<double>(s.rows + 8) * 4;
    for (const Floats& each : dws) {
      for (std::int64_t c = 0; c < s.cols; c++) CHECK_NEAR(static_cast<double>(each[c]), dw[c], step, step);
    }
  }
}

TEST("rms_norm: a row's bits do not depend on the rows beside it") {
  const std::int64_t rows = 200, cols = 900;
  const Floats x0 = randomNumbers(rows * cols, 1), w0 = randomNumbers(cols, 2);
  onEveryDevice([&](Context& ctx) {
    Apart x(rows, cols, x0, ctx.device), y(rows, cols, kNan, ctx.device), alone(1, cols, kNan, ctx.device);
    Apart w(1, cols, w0, ctx.device), rstd(1, rows, kNan, ctx.device);
    ctx.ops.rmsNorm.forward(ctx, y.view(), rstd.view(), x.view(), w.view(), kEps);
    for (const std::int64_t r : {0, 99, 100, 199}) {
      ctx.ops.rmsNorm.forward(ctx, alone.view(), rstd.view(), x.view().slice(r, 1), w.view(), kEps);
      CHECK(sameNumbers(alone.row(0), y.row(r), cols));
    }
  });
}

TEST("rms_norm: the reference's gradient equals central differences") {
  const std::int64_t cols = 7;
  std::vector<double> x = randomNumbers<double>(cols, 1), w = randomNumbers<double>(cols, 2), y(x.size());
  const std::vector<double> dy = randomNumbers<double>(cols, 3);
  std::vector<double> dx(x.size()), dw(x.size());
  const double eps = 1e-5;
  const auto value = [&] {
    reference::rmsNormForward(y.data(), x.data(), w.data(), cols, eps);
    return dot(y, dy);
  };
  const double rstd = reference::rmsNormForward(y.data(), x.data(), w.data(), cols, eps);
  reference::rmsNormBackward(dx.data(), dw.data(), dy.data(), x.data(), w.data(), rstd, cols);
  const std::vector<double> dxDifferences = centralDifferences(x, value), dwDifferences = centralDifferences(w, value);
  for (std::size_t i = 0; i < dx.size(); i++) {
    CHECK_NEAR(dx[i], dxDifferences[i], 1e-6, 1e-6);
    CHECK_NEAR(dw[i], dwDifferences[i], 1e-6, 1e-6);
  }
}

}  // namespace agl::test
