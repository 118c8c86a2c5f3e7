// The formulas of log_softmax.h as plain loops over one whole row; the tests run them in double.
#pragma once

#include <cmath>
#include <cstdint>

namespace agl::reference {

template <class T>
T logSumExp(const T* logits, std::int64_t count, T inverseTemperature) {
  T most = logits[0] * inverseTemperature;
  for (std::int64_t v = 1; v < count; v++) most = std::fmax(most, logits[v] * inverseTemperature);
  T sum = 0;
  for (std::int64_t v = 0; v < count; v++) sum += std::exp(logits[v] * inverseTemperature - most);
  return most + std::log(sum);
}

template <class T>
T logProbability(const T* logits, std::int64_t count, T inverseTemperature, std::int64_t target) {
  return logits[target] * inverseTemperature - logSumExp(logits, count, inverseTemperature);
}

// -sum p log p
template <class T>
T entropy(const T* logits, std::int64_t count, T inverseTemperature) {
  const T normalizer = logSumExp(logits, count, inverseTemperature);
  T sum = 0;
  for (std::int64_t v = 0; v < count; v++) {
    const T logp = logits[v] * inverseTemperature - normalizer;
    sum -= std::exp(logp) * logp;
  }
  return sum;
}

// dlogits without the targets' own term, overwritten.
template <class T>
void logSoftmaxBackward(T* dlogits, const T* logits, std::int64_t count, T g, T h, T inverseTemperature) {
  const T normalizer = logSumExp(logits, count, inverseTemperature);
  const T total = entropy(logits, count, inverseTemperature);
  for (std::int64_t v = 0; v < count; v++) {
    const T logp = logits[v] * inverseTemperature - normalizer;
    dlogits[v] = inverseTemperature * (-g * std::exp(logp) - h * std::exp(logp) * (logp + total));
  }
}

}  // namespace agl::reference
