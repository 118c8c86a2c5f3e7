// Rotary position embedding, in place, halves paired.   Su et al. 2021, arXiv:2104.09864
//   for i < D/2, per head:  a' = a cos - b sin,  b' = b cos + a sin      with a = x[i], b = x[i + D/2], two products
//   and one sum each, rounded separately; cos, sin (positions, D/2) are tables made by fillRopeTable.
// backward rotates dx by the opposite angle, in place: the transpose of a rotation.
// x, dx (R, heads D); positions[r] indexes the tables' rows.
#pragma once

#include <cstdint>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct Rope {
  void (*forward)(Context&, View x, View cos, View sin, const std::int32_t* positions, std::int64_t headSize);
  void (*backward)(Context&, View dx, View cos, View sin, const std::int32_t* positions, std::int64_t headSize);
};

// --- internal ---

extern const Rope kCpuRope;
extern const Rope kCudaRope;

struct RopeKernels {
  // One row of heads; sign +1 forward, -1 backward multiplies sin.
  void (*rotate)(float* x, const float* cos, const float* sin, std::int64_t heads, std::int64_t headSize, float sign);
};

}  // namespace agl
