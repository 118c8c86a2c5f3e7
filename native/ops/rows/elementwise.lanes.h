// Kernels of elementwise.h over sixteen lanes.
#include "core/lanes.h"
#include "ops/rows/elementwise.h"

namespace agl::AGL_ISA {

inline void add(float* y, const float* x, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, add(load(y + i), load(x + i)));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) storeFirst(y + i, add(loadFirst(y + i, rest), loadFirst(x + i, rest)), rest);
}

inline void addScaled(float* y, const float* x, float s, std::int64_t count) {
  const F16 factor = broadcast(s);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, add(load(y + i), mul(factor, load(x + i))));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) storeFirst(y + i, add(loadFirst(y + i, rest), mul(factor, loadFirst(x + i, rest))), rest);
}

constexpr ElementwiseKernels kElementwise = {addScaled, add};

}  // namespace agl::AGL_ISA
