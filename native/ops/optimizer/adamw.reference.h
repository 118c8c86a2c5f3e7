// The reference of adamw.h: the formula as written, any scalar type, powers by libm.
#pragma once

#include <cmath>
#include <cstdint>

#include "ops/optimizer/adamw.h"

namespace agl::reference {

template <class T>
void adamwStep(T* p, const T* g, T* m, T* v, std::int64_t count, const AdamwStep& o) {
  const double t = static_cast<double>(o.step);
  const double correction1 = 1 - std::pow(o.beta1, t);
  const double correction2 = 1 - std::pow(o.beta2, t);
  for (std::int64_t i = 0; i < count; i++) {
    const double gradient = o.gradientScale * static_cast<double>(g[i]);
    m[i] = static_cast<T>(o.beta1 * m[i] + (1 - o.beta1) * gradient);
    v[i] = static_cast<T>(o.beta2 * v[i] + (1 - o.beta2) * gradient * gradient);
    const double denominator = std::sqrt(static_cast<double>(v[i])) / std::sqrt(correction2) + o.eps;
    p[i] = static_cast<T>(p[i] * (1 - o.lr * o.weightDecay) - o.lr / correction1 * m[i] / denominator);
  }
}

}  // namespace agl::reference
