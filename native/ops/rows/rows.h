// Rows of a matrix by their numbers.
//   gather    y[i] = x[rows[i]]
//   scatter   y[rows[i]] = x[i], every other row of y zero
// x, y f32 with as many columns; rows ascending in scatter, one number for each row of the smaller matrix. y is not x.
#pragma once

#include <cstdint>
#include <span>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct RowMoves {
  void (*gather)(Context&, View y, View x, std::span<const std::int32_t> rows);
  void (*scatter)(Context&, View y, View x, std::span<const std::int32_t> rows);
};

// --- internal ---

extern const RowMoves kCpuRowMoves;
extern const RowMoves kCudaRowMoves;

}  // namespace agl
