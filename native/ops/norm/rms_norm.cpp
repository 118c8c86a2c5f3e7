#include "ops/norm/rms_norm.h"

#include "ops/kernels.h"

namespace agl {

namespace {

// Elements a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainElements = 128 * 1024;

std::int64_t rowGrain(std::int64_t cols) { return (kGrainElements + cols - 1) / cols; }

void forward(Context& context, View y, View rstd, View x, View w, float eps) {
  context.pool.run(x.rows, rowGrain(x.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      rstd.f32()[r] = context.kernels.rmsNorm.forward(y.f32(r), x.f32(r), w.f32(), x.cols, eps);
    }
  });
}

// Sums over rows are never divided: threads take columns of dw, r ascending.
void backwardWeight(Context& context, View dw, View dy, View x, View rstd) {
  const std::int64_t panels = (x.cols + 15) / 16;
  const std::int64_t grain = (kGrainElements + 16 * x.rows - 1) / (16 * x.rows);
  context.pool.run(panels, grain, [&](int, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * 16;
    const std::int64_t count = (end * 16 < x.cols ? end * 16 : x.cols) - first;
    for (std::int64_t r = 0; r < x.rows; r++) {
      context.kernels.rmsNorm.backwardWeight(dw.f32() + first, dy.f32(r) + first, x.f32(r) + first, rstd.f32()[r],
                                             count);
    }
  });
}

void backward(Context& context, View dx, View dw, View dy, View x, View w, View rstd) {
  context.pool.run(x.rows, rowGrain(x.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      context.kernels.rmsNorm.backward(dx.f32(r), dy.f32(r), x.f32(r), w.f32(), rstd.f32()[r], x.cols);
    }
  });
  if (dw.data != nullptr && x.rows > 0) backwardWeight(context, dw, dy, x, rstd);
}

}  // namespace

const RmsNorm kCpuRmsNorm = {forward, backward};

}  // namespace agl
