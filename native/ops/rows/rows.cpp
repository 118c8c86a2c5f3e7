#include "ops/rows/rows.h"

#include <algorithm>

namespace agl {
namespace {

void gather(Context&, View y, View x, std::span<const std::int32_t> rows) {
  for (std::size_t i = 0; i < rows.size(); i++) {
    std::copy_n(x.f32(rows[i]), x.cols, y.f32(static_cast<std::int64_t>(i)));
  }
}

void scatter(Context&, View y, View x, std::span<const std::int32_t> rows) {
  std::size_t next = 0;
  for (std::int64_t row = 0; row < y.rows; row++) {
    if (next < rows.size() && rows[next] == row) {
      std::copy_n(x.f32(static_cast<std::int64_t>(next++)), x.cols, y.f32(row));
    } else {
      std::fill_n(y.f32(row), y.cols, 0.0F);
    }
  }
}

}  // namespace

const RowMoves kCpuRowMoves = {gather, scatter};

}  // namespace agl
