#include "ops/log_softmax.h"

#include "backends.h"
#include "ops/log_softmax.reference.h"

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
      onEveryBackend([&](Context& ctx) {
        Apart x(s.rows, s.vocabulary, x0), stats(s.rows, 3, kNan);
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
    onEveryBackend([&](Context& ctx) {
      Apart x(s.rows, s.vocabulary, x0), dx(s.rows, s.vocabulary, kNan), stats(s.rows, 3, kNan);
      accumulateBlocks(ctx, stats, x, s.vocabulary, t);
      ctx.ops.logSoftmax.backward(ctx, dx.view(), x.view(), stats.view(), g.data(), h.data(), t);
      ctx.ops.logSoftmax.backward(ctx, x.view(), x.view(), stats.view(), g.data(), h.data(), t);
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
  onEveryBackend([&](Context& ctx) {
    Apart x(s.rows, s.vocabulary, x0), stats(s.rows, 3, kNan);
    accumulateBlocks(ctx, stats, x, s.vocabulary, 1.0F);
    for (const std::int64_t r : {0, 19, 20, 39}) {
      Apart row(1, s.vocabulary, Floats(x.row(r), x.row(r) + s.vocabulary)), alone(1, 3, kNan);
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
  onEveryBackend([&](Context& ctx) {
    Apart x(1, vocabulary, x0), stats(1, 3, kNan), dx(1, vocabulary, kNan);
    accumulateBlocks(ctx, stats, x, vocabulary, 1.0F);
    CHECK(logProbability(stats.row(0), -kInfinity, 1.0F) == -kInfinity);
    CHECK_NEAR(static_cast<double>(entropy(stats.row(0))), reference::entropy(kept.data(), count, 1.0), 1e-4, 0);
    const float g = 1.0F, h = 0.3F;
    ctx.ops.logSoftmax.backward(ctx, dx.view(), x.view(), stats.view(), &g, &h, 1.0F);
    for (std::int64_t v = 0; v < vocabulary; v++) {
      CHECK(x0[v] > -kInfinity ? dx.row(0)[v] < 0.0F : dx.row(0)[v] == 0.0F);
    }
  });
}

TEST("log_softmax: a logit that is not a number makes the log-probability not a number, wherever it lies") {
  const std::int64_t vocabulary = LogSoftmax::kBlock + 20;
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{17}, LogSoftmax::kBlock, vocabulary - 1}) {
    for (const float rest : {0.5F, -kInfinity}) {
      onEveryBackend([&](Context& ctx) {
        Apart x(1, vocabulary, rest), stats(1, 3, 0.0F);
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
