// Block statistics of log-softmax and its gradient over sixteen lanes.
#pragma once

#include "core/elementary.lanes.h"
#include "ops/head/log_softmax.h"

namespace agl::AGL_ISA {

// A logit of -infinity has probability 0, and 0 times its logarithm is 0, as the limit is: below this, exp is 0.
constexpr float kLeastLogProbability = -200.0F;

inline float logSoftmaxMaximum(const float* logits, std::int64_t count, F16 inverseTemperature) {
  F16 most = broadcast(-__builtin_inff());
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) most = max(most, mul(load(logits + i), inverseTemperature));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) {
    const F16 l = mul(loadFirst(logits + i, rest), inverseTemperature);
    most = max(most, select(firstLanes(rest), l, broadcast(-__builtin_inff())));
  }
  return maxLanes(most);
}

inline bool allEqual(const float* x, std::int64_t count, float value) {
  std::int64_t i = 0;
  while (i < count && x[i] == value) i++;
  return i == count;
}

inline void logSoftmaxAccumulate(float* stats, const float* logits, std::int64_t count, float inverseTemperature) {
  const F16 t = broadcast(inverseTemperature);
  const float m = logSoftmaxMaximum(logits, count, t);
  const F16 least = broadcast(kLeastLogProbability);
  const F16 zero = broadcast(0.0F);
  F16 sums = zero;
  F16 weighted = zero;
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const int lanes = static_cast<int>(count - i < kLanes ? count - i : kLanes);
    const F16 x = sub(mul(loadFirst(logits + i, lanes), t), broadcast(m));
    const F16 e = exp(x);
    const F16 product = mul(e, max(least, x));
    sums = add(sums, lanes < kLanes ? select(firstLanes(lanes), e, zero) : e);
    weighted = add(weighted, lanes < kLanes ? select(firstLanes(lanes), product, zero) : product);
  }
  const float s = sumLanes(sums);
  const float w = sumLanes(weighted);
  // A block of impossible tokens adds nothing; to empty statistics, a block is all there is.
  const float none = -__builtin_inff();
  if (m == none && allEqual(logits, count, none)) return;
  if (stats[0] == none) {
    stats[0] = m;
    stats[1] = s;
    stats[2] = w;
    return;
  }
  const float most = stats[0] > m ? stats[0] : m;
  const float oldShift = stats[0] - most;
  const float newShift = m - most;
  const float oldScale = exp(oldShift);
  const float newScale = exp(newShift);
  const float oldWeighted = oldScale * (stats[2] + stats[1] * oldShift);
  const float newWeighted = newScale * (w + s * newShift);
  stats[0] = most;
  stats[1] = stats[1] * oldScale + s * newScale;
  stats[2] = oldWeighted + newWeighted;
}

inline void logSoftmaxBackward(float* dlogits, const float* logits, const float* stats, float g, float h,
                               float rowEntropy, float logSum, std::int64_t count, float inverseTemperature) {
  const F16 t = broadcast(inverseTemperature);
  const F16 m = broadcast(stats[0]);
  const F16 normalizer = broadcast(logSum);
  const F16 least = broadcast(kLeastLogProbability);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const int lanes = static_cast<int>(count - i < kLanes ? count - i : kLanes);
    const F16 logp = sub(sub(mul(loadFirst(logits + i, lanes), t), m), normalizer);
    const F16 p = exp(logp);
    const F16 surprise = add(max(least, logp), broadcast(rowEntropy));
    const F16 slope = mul(p, add(broadcast(g), mul(broadcast(h), surprise)));
    storeFirst(dlogits + i, mul(broadcast(-inverseTemperature), slope), lanes);
  }
}

constexpr LogSoftmaxKernels kLogSoftmax = {logSoftmaxAccumulate, logSoftmaxBackward};

}  // namespace agl::AGL_ISA
