// Search of one row of logits by a block of threads, without sorting: a token is found by the digits of its place in the
// order of draw.h, weights summed by digit (exact sums, so in any order), first the highest digit, then the next.
#pragma once

#include "core/lanes.cuh"
#include "ops/draw/draw_rules.h"
#include "ops/head/log_softmax.cuh"

namespace agl::drawing {

using cuda::BlockStatistics;
using cuda::kWarp;
using cuda::kWholeWarp;

constexpr int kThreads = 512;
constexpr int kDigitBits = 11;
constexpr int kDigits = 1 << kDigitBits;
constexpr int kTokenBits = 23;
constexpr int kHighestShift = 44;  // of a place's 55 bits
constexpr std::uint64_t kAll = ~std::uint64_t{0};

struct Shared {
  std::uint64_t warps[kThreads / kWarp];
  std::uint64_t sumBefore;
  int digit;
  unsigned entries;  // in the row's list
  unsigned low[kDigits], high[kDigits];  // sums of weights by digit, in halves
};

struct Row {
  const float* logits;
  int vocabulary;
  DrawPlan plan;
  const BlockStatistics* byBlock;  // statistics after each vocabulary block
  BlockStatistics total;
  __device__ double shareOf(float logit) const { return drawing::shareOf(logit, plan.inverseTemperature, total.most); }
  __device__ float logprobOf(float logit) const {
    return (logit * plan.inverseTemperature - total.most) - cuda::logOf(total.sum);
  }
};

// A token's place in the order: lower is drawn from first.
__device__ inline std::uint64_t placeOf(float logit, int token) {
  return std::uint64_t{orderOf(logit)} << kTokenBits | static_cast<unsigned>(token);
}
__device__ inline int tokenOf(std::uint64_t place) { return static_cast<int>(place & ((1U << kTokenBits) - 1)); }

// Sum of `own` over the threads before this one, and over all.
__device__ inline std::uint64_t sumBefore(Shared& shared, std::uint64_t own, std::uint64_t& total) {
  const int lane = cuda::threadOfWarp(), warp = static_cast<int>(threadIdx.x) / kWarp;
  std::uint64_t sum = own;
  for (int width = 1; width < kWarp; width *= 2) {
    const std::uint64_t below = __shfl_up_sync(kWholeWarp, sum, static_cast<unsigned>(width));
    if (lane >= width) sum += below;
  }
  __syncthreads();
  if (lane == kWarp - 1) shared.warps[warp] = sum;
  __syncthreads();
  sum -= own;
  total = 0;
  for (int w = 0; w < kThreads / kWarp; w++) {
    if (w < warp) sum += shared.warps[w];
    total += shared.warps[w];
  }
  return sum;
}

__device__ inline std::uint64_t leastOf(Shared& shared, std::uint64_t own) {
  for (int width = kWarp / 2; width > 0; width /= 2) {
    const std::uint64_t other = __shfl_xor_sync(kWholeWarp, own, width);
    own = other < own ? other : own;
  }
  __syncthreads();
  if (cuda::threadOfWarp() == 0) shared.warps[threadIdx.x / kWarp] = own;
  __syncthreads();
  for (int w = 0; w < kThreads / kWarp; w++) own = shared.warps[w] < own ? shared.warps[w] : own;
  return own;
}

// visit(token, logit) for this thread's share of the vocabulary.
template <class Visit>
__device__ void eachToken(const Row& row, Visit visit) {
  constexpr int ahead = 4;
  for (int begin = static_cast<int>(threadIdx.x); begin < row.vocabulary; begin += ahead * kThreads) {
    float logits[ahead];
    for (int i = 0; i < ahead; i++) {
      const int token = begin + i * kThreads;
      logits[i] = token < row.vocabulary ? row.logits[token] : 0.0F;
    }
    for (int i = 0; i < ahead; i++) {
      const int token = begin + i * kThreads;
      if (token < row.vocabulary) visit(token, logits[i]);
    }
  }
}

// 64 bits by two additions of 32: whoever makes the lower half wrap carries.
__device__ inline void addTo(Shared& shared, int digit, std::uint64_t weight) {
  const auto low = static_cast<unsigned>(weight);
  const unsigned old = atomicAdd(&shared.low[digit], low);
  const unsigned high = static_cast<unsigned>(weight >> 32) + (old + low < old ? 1U : 0U);
  if (high != 0) atomicAdd(&shared.high[digit], high);
}

// Sums weights by digit, and names the digit at which they reach the goal, `before` lower digits' included.
__device__ inline void findDigit(Shared& shared, std::uint64_t goal, std::uint64_t before, std::uint64_t& total) {
  constexpr int own = kDigits / kThreads;
  const int first = static_cast<int>(threadIdx.x) * own;
  std::uint64_t weights[own], sum = 0;
  for (int i = 0; i < own; i++) {
    weights[i] = std::uint64_t{shared.high[first + i]} << 32 | shared.low[first + i];
    sum += weights[i];
  }
  sum = before + sumBefore(shared, sum, total);
  for (int i = 0; i < own; i++) {
    const std::uint64_t through = sum + weights[i];
    if (sum < goal && through >= goal) {
      shared.digit = first + i;
      shared.sumBefore = sum;
    }
    sum = through;
  }
  __syncthreads();
}

// The place at which weight(place, logit), summed in order, reaches the goal (at least 1); kAll when it does not.
template <class Weight>
__device__ inline std::uint64_t placeAt(Shared& shared, const Row& row, std::uint64_t goal, Weight weight) {
  std::uint64_t prefix = 0, before = 0;
  for (int shift = kHighestShift; shift >= 0; shift -= kDigitBits) {
    for (int i = static_cast<int>(threadIdx.x); i < kDigits; i += kThreads) shared.low[i] = shared.high[i] = 0;
    __syncthreads();
    eachToken(row, [&](int token, float logit) {
      const std::uint64_t place = placeOf(logit, token);
      if (place >> (shift + kDigitBits) != prefix) return;
      const std::uint64_t own = weight(place, logit);
      if (own > 0) addTo(shared, static_cast<int>(place >> shift) & (kDigits - 1), own);
    });
    __syncthreads();
    std::uint64_t total = 0;
    findDigit(shared, goal, before, total);
    if (before + total < goal) return kAll;
    prefix = prefix << kDigitBits | static_cast<unsigned>(shared.digit);
    before = shared.sumBefore;
    __syncthreads();
  }
  return prefix;
}

template <class Weight>
__device__ inline std::uint64_t weightOfAll(Shared& shared, const Row& row, Weight weight) {
  std::uint64_t own = 0, total = 0;
  eachToken(row, [&](int token, float logit) { own += weight(placeOf(logit, token), logit); });
  sumBefore(shared, own, total);
  return total;
}

__device__ inline std::uint64_t placeOfMostProbable(Shared& shared, const Row& row, std::uint64_t count) {
  return placeAt(shared, row, count, [](std::uint64_t, float) { return std::uint64_t{1}; });
}

}  // namespace agl::drawing
