#include "ops/rows/embedding.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "ops/kernels.h"

namespace agl {
namespace {

// Numbers below which a second thread costs more than it saves.
constexpr std::int64_t kGrain = 100'000;

void copyRow(float* x, const View& e, std::int64_t token) {
  if (e.dtype == Dtype::f32) {
    std::memcpy(x, e.f32(token), static_cast<std::size_t>(e.cols) * sizeof(float));
    return;
  }
  const std::uint16_t* row = static_cast<const std::uint16_t*>(e.data) + token * e.stride;
  if (e.dtype == Dtype::bf16) std::transform(row, row + e.cols, x, bf16ToF32);
  if (e.dtype == Dtype::f16) std::transform(row, row + e.cols, x, f16ToF32);
}

void forward(Context& ctx, View x, View e, const std::int32_t* tokens) {
  ctx.pool.run(x.rows, kGrain / x.cols + 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) copyRow(x.f32(r), e, tokens[r]);
  });
}

void forwardPacked(Context& ctx, View x, Packed e, const std::int32_t* tokens) {
  ctx.pool.run(x.rows, kGrain / x.cols + 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) unpackRow(x.f32(r), e, tokens[r]);
  });
}

// Threads take columns, whole cache lines of them: rows of the same token meet in one thread, in ascending order.
void backward(Context& ctx, View de, View dx, const std::int32_t* tokens) {
  constexpr std::int64_t line = 16;
  const std::int64_t lines = (dx.cols + line - 1) / line;
  ctx.pool.run(lines, kGrain / (std::max<std::int64_t>(dx.rows, 1) * line) + 1,
               [&](int, std::int64_t begin, std::int64_t end) {
                 const std::int64_t first = begin * line;
                 const std::int64_t count = std::min(end * line, dx.cols) - first;
                 for (std::int64_t r = 0; r < dx.rows; r++) {
                   ctx.kernels.elementwise.add(de.f32(tokens[r]) + first, dx.f32(r) + first, count);
                 }
               });
}

}  // namespace

const Embedding kCpuEmbedding = {forward, forwardPacked, backward};

}  // namespace agl
