// Log-softmax over the vocabulary without a [tokens, vocabulary] matrix (Law 4): statistics come block by block.
//   l = logit t, t the inverse temperature (one product; t = 1 leaves the bits)
//   a block (at most 4,096 columns) gives m = max l, s = sum exp(l - m), w = sum exp(l - m) (l - m), in 16 lanes, then
//   one fixed tree; blocks merge in ascending order: M = max(m, m'), a = exp(m - M): s a + s' a',
//   w: a (w + s (m - M)) + a' (...), each rounded separately; blocks whose logits are all -infinity add nothing
//   log p(target) = (l - m) - log s         entropy = log s - w / s
// Gradient of sum of g[r,target] log p + h[r] entropy, with g[r] = sum of g over the row's targets:
//   dl[v] = -g[r] p[v] - h[r] p[v] (log p[v] + entropy) (+ g[r,target] at each target)         dlogit[v] = t dl[v]
// logits, dlogits (R, block); stats (R,3) = m, s, w.
#pragma once

#include "core/view.h"
#include "ops/context.h"

namespace agl {

// Targets of rows, in ascending order of the rows; a row below 0 is left out. Arrays in the device's memory.
struct Targets {
  const std::int32_t* rows;
  const std::int32_t* tokens;
  std::int64_t count;
};

struct LogSoftmax {
  static constexpr std::int64_t kBlock = 4096;

  // Empty statistics: m = -infinity, s = w = 0.
  void (*reset)(Context&, View stats);
  // Merges the next block of logits into stats.
  void (*accumulate)(Context&, View stats, View logits, float inverseTemperature);
  // Of the targets whose token lies in this block, which begins at `begin`: logits_T[target] = logits[row, token - begin].
  void (*pick)(Context&, float* logits_T, View logits, const Targets& targets, std::int64_t begin);
  // dlogits (overwritten; may be logits itself) without the targets' own term, which addAt adds. g, h: one number per row.
  void (*backward)(Context&, View dlogits, View logits, View stats, const float* g, const float* h,
                   float inverseTemperature);
  // Of the same targets: dlogits[row, token - begin] += t g_T[target].
  void (*addAt)(Context&, View dlogits, const float* g_T, const Targets& targets, std::int64_t begin,
                float inverseTemperature);
};

// One function for sampler, scorer and trainer.
float logProbability(const float* stats, float logit, float inverseTemperature);
float entropy(const float* stats);
// log of a positive finite float, our own: one function everywhere.
float logOf(float x);

// --- internal ---

extern const LogSoftmax kCpuLogSoftmax;
extern const LogSoftmax kCudaLogSoftmax;

struct LogSoftmaxKernels {
  // One block of one row, merged into stats[3].
  void (*accumulate)(float* stats, const float* logits, std::int64_t count, float inverseTemperature);
  void (*backward)(float* dlogits, const float* logits, const float* stats, float g, float h, float rowEntropy,
                   float logSum, std::int64_t count, float inverseTemperature);
};

}  // namespace agl
