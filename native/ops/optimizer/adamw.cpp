#include "ops/optimizer/adamw.h"

#include <algorithm>
#include <cmath>

#include "ops/kernels.h"

namespace agl {
namespace {

// x^t by squaring: our own, so that a resumed run on another libm takes the same steps.
double power(double x, std::int64_t t) {
  double result = 1;
  for (double square = x; t > 0; t /= 2, square *= square) {
    if (t % 2 == 1) result *= square;
  }
  return result;
}

void step(Context& ctx, View p, View g, View m, View v, const AdamwStep& options) {
  const AdamwConstants constants = adamwConstants(options);
  constexpr std::int64_t line = 16;
  const std::int64_t count = p.rows * p.cols;
  ctx.pool.run((count + line - 1) / line, 2'000, [&](int, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * line;
    ctx.kernels.adamw.step(p.f32() + first, g.f32() + first, m.f32() + first, v.f32() + first,
                           std::min(end * line, count) - first, constants);
  });
}

double squaredNormOfPiece(const float* g, std::int64_t count) {
  constexpr std::int64_t lanes = 16;
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::int64_t lane = 0; lane < lanes; lane++) {
      const double x = g[i + lane];
      sums[lane] += x * x;
    }
  }
  for (; i < count; i++) {
    const double x = g[i];
    sums[i % lanes] += x * x;
  }
  for (std::int64_t width = lanes / 2; width > 0; width /= 2) {
    for (std::int64_t lane = 0; lane < width; lane++) sums[lane] += sums[lane + width];
  }
  return sums[0];
}

// Pieces are summed by any thread and added up by the caller, a stack array of them at a time.
double squaredNorm(Context& ctx, View g) {
  constexpr std::int64_t batch = 1024;
  double pieces[batch];
  double sum = 0;
  const std::int64_t count = g.rows * g.cols;
  for (std::int64_t first = 0; first < count; first += batch * kSquaredNormPiece) {
    const std::int64_t here = std::min(batch, (count - first + kSquaredNormPiece - 1) / kSquaredNormPiece);
    ctx.pool.run(here, 16, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; i++) {
        const std::int64_t at = first + i * kSquaredNormPiece;
        pieces[i] = squaredNormOfPiece(g.f32() + at, std::min(kSquaredNormPiece, count - at));
      }
    });
    for (std::int64_t i = 0; i < here; i++) sum += pieces[i];
  }
  return sum;
}

}  // namespace

AdamwConstants adamwConstants(const AdamwStep& o) {
  const auto rounded = [](double value) { return static_cast<float>(value); };
  return {rounded(o.gradientScale),
          rounded(o.beta1),
          rounded(1 - o.beta1),
          rounded(o.beta2),
          rounded(1 - o.beta2),
          rounded(1 - o.lr * o.weightDecay),
          rounded(o.lr / (1 - power(o.beta1, o.step))),
          rounded(std::sqrt(1 - power(o.beta2, o.step))),
          rounded(o.eps)};
}

std::size_t adamwCudaScratchBytes(std::int64_t count) {
  const std::int64_t pieces = (count + kSquaredNormPiece - 1) / kSquaredNormPiece;
  return static_cast<std::size_t>(std::min(kSquaredNormPieces, pieces)) * sizeof(double);
}

const Adamw kCpuAdamw = {step, squaredNorm};

}  // namespace agl
