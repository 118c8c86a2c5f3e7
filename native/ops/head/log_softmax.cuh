// Statistics of one vocabulary block of one row by a warp, in the bits of log_softmax.lanes.h.
#pragma once

#include "core/elementary.cuh"
#include "core/lanes.cuh"

namespace agl::cuda {

// A logit of -infinity has probability 0, and 0 times its logarithm is 0, as the limit is: below this, exp is 0.
constexpr float kLeastLogProbability = -200.0F;
constexpr float kNone = -__builtin_huge_valf();

struct BlockStatistics {
  float most, sum, weighted;
  int possible;  // whether any logit is other than -infinity
};

__device__ inline float largestOf(float a, float b) { return a > b ? a : b; }

// The same in every thread. The lower half of the warp holds the chains of s, the upper those of w.
__device__ inline BlockStatistics blockStatistics(const float* logits, int count, float inverseTemperature) {
  BlockStatistics out;
  bool possible = false;
  const float lanes = foldLanes(
      kNone, count, kNone,
      [&](int c) {
        possible = possible || logits[c] != kNone;
        return logits[c] * inverseTemperature;
      },
      largestOf);
  out.most = joinLanes(lanes, largestOf);
  out.possible = __any_sync(kWholeWarp, possible);
  const bool isLower = threadOfWarp() < kLanes;
  float chain = 0.0F;
  for (int begin = 0; begin < count; begin += kWarp) {
    const int c = begin + threadOfWarp();
    float e = 0.0F, product = 0.0F;
    if (c < count) {
      const float x = logits[c] * inverseTemperature - out.most;
      e = exp(x);
      product = e * largestOf(kLeastLogProbability, x);
    }
    const float other = __shfl_xor_sync(kWholeWarp, isLower ? product : e, kLanes);
    chain = chain + (isLower ? e : other);
    if (begin + kLanes < count) chain = chain + (isLower ? other : product);
  }
  for (int width = kLanes / 2; width > 0; width /= 2) chain = chain + __shfl_down_sync(kWholeWarp, chain, width);
  out.sum = __shfl_sync(kWholeWarp, chain, 0);
  out.weighted = __shfl_sync(kWholeWarp, chain, kLanes);
  return out;
}

// Merges the next block into stats[3].
__device__ inline void mergeStatistics(float* stats, const BlockStatistics& block) {
  // A block of impossible tokens adds nothing; to empty statistics, a block is all there is.
  if (block.possible == 0) return;
  if (stats[0] == kNone) {
    stats[0] = block.most;
    stats[1] = block.sum;
    stats[2] = block.weighted;
    return;
  }
  const float most = largestOf(stats[0], block.most);
  const float oldShift = stats[0] - most, newShift = block.most - most;
  const float oldScale = exp(oldShift), newScale = exp(newShift);
  const float oldWeighted = oldScale * (stats[2] + stats[1] * oldShift);
  const float newWeighted = newScale * (block.weighted + block.sum * newShift);
  stats[0] = most;
  stats[1] = stats[1] * oldScale + block.sum * newScale;
  stats[2] = oldWeighted + newWeighted;
}

}  // namespace agl::cuda
