#include "ops/head/log_softmax.h"

#include "ops/backends.h"
#include "ops/head/log_softmax.reference.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t rows, vocabulary;
};
constexpr Shape kShapes[] = {{1, 1}, {3, 5}, {4, 33}, {9, 368}, {5, 4096}, {6, 5003}, {2, 8195}};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Logits of the size that models give.
Floats logitsOf(Shape s) {
  Floats out = randomNumbers(s.rows * s.vocabulary, 1);
  for (float& x : out) x *= 12.0F;
  return out;
}

View columns(Apart& m, std::int64_t begin, std::int64_t count) {
  View view = m.view();
  return {view.f32() + begin, view.dtype, view.rows, count, view.stride};
}

void accumulateBlocks(Context& ctx, Apart& stats, Apart& logits, std::int64_t vocabulary, float t) {
  ctx.ops.logSoftmax.reset(ctx, stats.view());
  for (std::int64_t v = 0; v < vocabulary; v += LogSoftmax::kBlock) {
    const std::int64_t count = std::min(LogSoftmax::kBlock, vocabulary - v);
    ctx.ops.logSoftmax.accumulate(ctx, stats.view(), columns(logits, v, count), t);
  }
}

Floats numbersOf(Apart& m, std::int64_t rows, std::int64_t cols) {
  Floats out;
  for (std::int64_t r = 0; r < rows; r++) out.insert(out.end(), m.row(r), m.row(r) + cols);
  return out;
}

}  // namespace

TEST("log_softmax: log-probability and entropy equal the reference, in the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    for (const float t : {1.0F, 1.0F / 0.7F}) {
      const Floats x0 = logitsOf(s);
      Floats first;
      onEveryDevice([&](Context& ctx) {
        Apart x(s.rows, s.vocabulary, x0, ctx.device), stats(s.rows, 3, kNan, ctx.device);
        accumulateBlocks(ctx, stats, x, s.vocabulary, t);
        if (first.empty()) first = numbersOf(stats, s.rows, 3);
        CHECK(stats.equals(first));
      });
      for (std::int64_t r = 0; r < s.rows; r++) {
        const std::vector<double> x(x0.begin() + r * s.vocabulary, x0.begin() + (r + 1) * s.vocabulary);
        const double inverse = static_cast<double>(t);
        const std::int64_t target = (r * 977 + 3) % s.vocabulary;
        const float* row = first.data() + r * 3;
        // l - m of up to 40 is rounded, then exp, then a sum of V / 16 terms.
        const double step = 0x1p-24 * (64 + static_cast<double>(s.vocabulary) / 16);
        CHECK_NEAR(static_cast<double>(logProbability(row, x0[r * s.vocabulary + target], t)),
                   reference::logProbability(x.data(), s.vocabulary, inverse, target), step, 0);
        CHECK_NEAR(static_cast<double>(entropy(row)), reference::entropy(x.data(), s.vocabulary, inverse), 4 * step,
                   0);
      }
    }
  }
}

TEST("log_softmax: backward equals the reference, in place too, in the same bits on every instruction set") {
  for (const Shape s : kShapes) {
    const float t = 1.0F / 0.7F;
    const Floats x0 = logitsOf(s), g = randomNumbers(s.rows, 2), h = randomNumbers(s.rows, 3);
    Floats first;
    onEveryDevice([&](Context& ctx) {
      Apart x(s.rows, s.vocabulary, x0, ctx.device), dx(s.rows, s.vocabulary, kNan, ctx.device);
      Apart stats(s.rows, 3, kNan, ctx.device);
      Mirrored<float> gs(ctx.device, g), hs(ctx.device, h);
      accumulateBlocks(ctx, stats, x, s.vocabulary, t);
      ctx.ops.logSoftmax.backward(ctx, dx.view(), x.view(), stats.view(), gs.device(), hs.device(), t);
      ctx.ops.logSoftmax.backward(ctx, x.view(), x.view(), stats.view(), gs.device(), hs.device(), t);
      if (first.empty()) first = numbersOf(dx, s.rows, s.vocabulary);
      CHECK(dx.equals(first) && x.equals(first));
    });
    for (std::int64_t r = 0; r < s.rows; r++) {
      const std::vector<double> x(x0.begin() + r * s.vocabulary, x0.begin() + (r + 1) * s.vocabulary);
      std::vector<double> dx(x.size());
      reference::logSoftmaxBackward(dx.data(), x.data(), s.vocabulary, static_cast<double>(g[r]),
                                    static_cast<double>(h[r]), static_cast<double>(t));
      const double step = 0x1p-24 * (64 + static_cast<double>(s.vocabulary) / 16);
      for (std::int64_t v = 0; v < s.vocabulary; v++) {
        CHECK_NEAR(static_cast<double>(first[r * s.vocabulary + v]), dx[v], 8 * step, 8 * step);
      }
    }
  }
}

TEST("log_softmax: a row's bits do not depend on the rows beside it") {
  const Shape s = {40, 5003};
  const Floats x0 = logitsOf(s);
  onEveryDevice([&](Context& ctx) {
    Apart x(s.rows, s.vocabulary, x0, ctx.device), stats(s.rows, 3, kNan, ctx.device);
    accumulateBlocks(ctx, stats, x, s.vocabulary, 1.0F);
    for (const std::int64_t r : {0, 19, 20, 39}) {
      Apart row(1, s.vocabulary, Floats(x.row(r), x.row(r) + s.vocabulary), ctx.device), alone(1, 3, kNan, ctx.device);
      accumulateBlocks(ctx, alone, row, s.vocabulary, 1.0F);
      CHECK(sameNumbers(alone.row(0), stats.row(r), 3));
    }
  });
}

TEST("log_softmax: an impossible token has probability 0 wherever it lies, a block of them adds nothing") {
  const std::int64_t vocabulary = 2 * LogSoftmax::kBlock + 5;
  Floats possible = randomNumbers(vocabulary, 1), x0 = possible;
  for (std::int64_t v = 0; v < LogSoftmax::kBlock; v++) x0[v] = -kInfinity;
  x0[LogSoftmax::kBlock + 7] = -kInfinity;
  for (std::int64_t v = 2 * LogSoftmax::kBlock; v < vocabulary; v++) x0[v] = -kInfinity;
  std::vector<double> kept;
  for (std::int64_t v = 0; v < vocabulary; v++) {
    if (x0[v] > -kInfinity) kept.push_back(static_cast<double>(x0[v]));
  }
  const std::int64_t count = static_cast<std::int64_t>(kept.size());
  onEveryDevice([&](Context& ctx) {
    Apart x(1, vocabulary, x0, ctx.device), stats(1, 3, kNan, ctx.device), dx(1, vocabulary, kNan, ctx.device);
    accumulateBlocks(ctx, stats, x, vocabulary, 1.0F);
    CHECK(logProbability(stats.row(0), -kInfinity, 1.0F) == -kInfinity);
    CHECK_NEAR(static_cast<double>(entropy(stats.row(0))), reference::entropy(kept.data(), count, 1.0), 1e-4, 0);
    Mirrored<float> g(ctx.device, {1.0F}), h(ctx.device, {0.3F});
    ctx.ops.logSoftmax.backward(ctx, dx.view(), x.view(), stats.view(), g.device(), h.device(), 1.0F);
    for (std::int64_t v = 0; v < vocabulary; v++) {
      CHECK(x0[v] > -kInfinity ? dx.row(0)[v] < 0.0F : dx.row(0)[v] == 0.0F);
    }
  });
}

TEST("log_softmax: pick takes and addAt adds at the targets of a block, of equal ones the first first, and nowhere else") {
  const std::int64_t rows = 4, cols = 33, begin = 100;
  const std::vector<std::int32_t> row = {0, 0, 0, 0, 1, -1, -1, 2, 2, 2, 3};
  const std::vector<std::int32_t> token = {107, 99, 107, 133, 100, 104, 107, 132, 109, 132, 110};
  const Floats x0 = randomNumbers(rows * cols, 1), g0 = randomNumbers(static_cast<std::int64_t>(row.size()), 2);
  Floats picked0(row.size(), 5.0F), added0 = x0;
  for (std::size_t i = 0; i < row.size(); i++) {
    const std::int64_t column = token[i] - begin;
    if (row[i] < 0 || column < 0 || column >= cols) continue;
    const auto at = static_cast<std::size_t>(row[i] * cols + column);
    picked0[i] = x0[at];
    added0[at] = added0[at] + 1.3F * g0[i];
  }
  onEveryDevice([&](Context& ctx) {
    Apart x(rows, cols, x0, ctx.device);
    Mirrored<float> picked(ctx.device, Floats(row.size(), 5.0F)), g(ctx.device, g0);
    Mirrored<std::int32_t> where(ctx.device, row), which(ctx.device, token);
    const Targets targets = {where.device(), which.device(), static_cast<std::int64_t>(row.size())};
    ctx.ops.logSoftmax.pick(ctx, picked.device(), x.view(), targets, begin);
    CHECK(sameNumbers(picked.host(), picked0) && x.equals(x0));
    ctx.ops.logSoftmax.addAt(ctx, x.view(), g.device(), targets, begin, 1.3F);
    CHECK(x.equals(added0));
  });
}

TEST("log_softmax: a logit that is not a number makes the log-probability not a number, wherever it lies") {
  const std::int64_t vocabulary = LogSoftmax::kBlock + 20;
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{17}, LogSoftmax::kBlock, vocabulary - 1}) {
    for (const float rest : {0.5F, -kInfinity}) {
      onEveryDevice([&](Context& ctx) {
        Apart x(1, vocabulary, rest, ctx.device), stats(1, 3, 0.0F, ctx.device);
        x.row(0)[at] = kNan;
        accumulateBlocks(ctx, stats, x, vocabulary, 1.0F);
        CHECK(std::isnan(logProbability(stats.row(0), 0.5F, 1.0F)));
      });
    }
  }
}

TEST("log_softmax: the reference's gradient equals central differences") {
  const std::int64_t vocabulary = 6, target = 4;
  const double g = 0.7, h = -0.4, t = 1.3;
  std::vector<double> x = randomNumbers<double>(vocabulary, 1), dx(x.size());
  reference::logSoftmaxBackward(dx.data(), x.data(), vocabulary, g, h, t);
  dx[target] += t * g;
  const std::vector<double> expected = centralDifferences(x, [&] {
    return g * reference::logProbability(x.data(), vocabulary, t, target) +
           h * reference::entropy(x.data(), vocabulary, t);
  });
  for (std::size_t i = 0; i < dx.size(); i++) CHECK_NEAR(dx[i], expected[i], 1e-6, 1e-6);
}

}  // namespace agl::test
