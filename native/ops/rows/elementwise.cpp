#include "ops/rows/elementwise.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "ops/kernels.h"

namespace agl {
namespace {

// Numbers below which a second thread costs more than it saves.
constexpr std::int64_t kGrain = 100'000;

std::int64_t rowGrain(std::int64_t columns) { return kGrain / std::max<std::int64_t>(columns, 1) + 1; }

void add(Context& ctx, View y, View x) {
  ctx.pool.run(y.rows, rowGrain(y.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) ctx.kernels.elementwise.add(y.f32(r), x.f32(r), y.cols);
  });
}

void addScaled(Context& ctx, View y, View x, float s) {
  ctx.pool.run(y.rows, rowGrain(y.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) ctx.kernels.elementwise.addScaled(y.f32(r), x.f32(r), s, y.cols);
  });
}

void addBias(Context& ctx, View y, View b) {
  ctx.pool.run(y.rows, rowGrain(y.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) ctx.kernels.elementwise.add(y.f32(r), b.f32(), y.cols);
  });
}

// Threads take columns, whole cache lines of them, so each sum has one owner.
void sumRows(Context& ctx, View db, View dy) {
  constexpr std::int64_t line = 16;
  const std::int64_t lines = (dy.cols + line - 1) / line;
  const std::int64_t grain = rowGrain(dy.rows * line);
  ctx.pool.run(lines, grain, [&](int, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * line;
    const std::int64_t count = std::min(end * line, dy.cols) - first;
    for (std::int64_t r = 0; r < dy.rows; r++) {
      ctx.kernels.elementwise.add(db.f32() + first, dy.f32(r) + first, count);
    }
  });
}

void keep(Context& ctx, View y, View x, const std::int32_t* slots) {
  ctx.pool.run(x.rows, rowGrain(x.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      const std::int64_t slot = slots == nullptr ? r : slots[r];
      const float* from = x.f32(r);
      if (y.dtype == Dtype::bf16) {
        std::transform(from, from + x.cols, static_cast<std::uint16_t*>(y.data) + slot * y.stride, f32ToBf16);
      } else {
        std::memcpy(y.f32(slot), from, static_cast<std::size_t>(x.cols) * sizeof(float));
      }
    }
  });
}

}  // namespace

const Elementwise kCpuElementwise = {add, addScaled, addBias, sumRows, keep};

}  // namespace agl
