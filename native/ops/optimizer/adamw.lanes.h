// Kernel of adamw.h over sixteen lanes. Every product, sum, quotient and root is rounded separately, in PyTorch's order:
// decay, first moment, second moment ((1 - b2) g then times g), denominator, quotient.
#include "core/lanes.h"
#include "ops/optimizer/adamw.h"

namespace agl::AGL_ISA {

struct AdamwLanes {
  F16 p, m, v;
};

inline AdamwLanes adamwLanes(AdamwLanes old, F16 gradient, const AdamwConstants& c) {
  const F16 g = mul(broadcast(c.scale), gradient);
  const F16 m = add(mul(broadcast(c.beta1), old.m), mul(broadcast(c.rest1), g));
  const F16 v = add(mul(broadcast(c.beta2), old.v), mul(mul(broadcast(c.rest2), g), g));
  const F16 denominator = add(div(sqrt(v), broadcast(c.root)), broadcast(c.eps));
  const F16 p = sub(mul(broadcast(c.decay), old.p), div(mul(broadcast(c.rate), m), denominator));
  return {p, m, v};
}

inline void adamwStep(float* p, const float* g, float* m, float* v, std::int64_t count, const AdamwConstants& constants) {
  const AdamwConstants c = constants;  // a copy, as the stores below could alias the original
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const AdamwLanes out = adamwLanes({load(p + i), load(m + i), load(v + i)}, load(g + i), c);
    store(p + i, out.p);
    store(m + i, out.m);
    store(v + i, out.v);
  }
  const int rest = static_cast<int>(count - i);
  if (rest == 0) return;
  const AdamwLanes old = {loadFirst(p + i, rest), loadFirst(m + i, rest), loadFirst(v + i, rest)};
  const AdamwLanes out = adamwLanes(old, loadFirst(g + i, rest), c);
  storeFirst(p + i, out.p, rest);
  storeFirst(m + i, out.m, rest);
  storeFirst(v + i, out.v, rest);
}

constexpr AdamwKernels kAdamw = {adamwStep};

}  // namespace agl::AGL_ISA
