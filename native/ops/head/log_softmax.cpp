#include "ops/head/log_softmax.h"

#include <limits>

#include "core/elementary.h"
#include "ops/kernels.h"

namespace agl {

namespace {

// Logits a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainElements = 16 * 1024;

std::int64_t rowGrain(std::int64_t cols) { return (kGrainElements + cols - 1) / cols; }

void reset(Context&, View stats) {
  for (std::int64_t r = 0; r < stats.rows; r++) {
    float* row = stats.f32(r);
    row[0] = -std::numeric_limits<float>::infinity();
    row[1] = 0.0F;
    row[2] = 0.0F;
  }
}

void accumulate(Context& context, View stats, View logits, float inverseTemperature) {
  context.pool.run(logits.rows, rowGrain(logits.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      context.kernels.logSoftmax.accumulate(stats.f32(r), logits.f32(r), logits.cols, inverseTemperature);
    }
  });
}

void backward(Context& context, View dlogits, View logits, View stats, const float* g, const float* h,
              float inverseTemperature) {
  context.pool.run(logits.rows, rowGrain(logits.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      const float* row = stats.f32(r);
      context.kernels.logSoftmax.backward(dlogits.f32(r), logits.f32(r), row, g[r], h[r], entropy(row), logOf(row[1]),
                                          logits.cols, inverseTemperature);
    }
  });
}

// Calls visit(target, row, column) for the targets whose token lies in the block.
template <class Visit>
void eachTarget(const Targets& targets, std::int64_t begin, std::int64_t columns, Visit visit) {
  for (std::int64_t target = 0; target < targets.count; target++) {
    const std::int64_t row = targets.rows[target], column = targets.tokens[target] - begin;
    if (row >= 0 && column >= 0 && column < columns) visit(target, row, column);
  }
}

void pick(Context&, float* logits_T, View logits, const Targets& targets, std::int64_t begin) {
  eachTarget(targets, begin, logits.cols, [&](std::int64_t target, std::int64_t row, std::int64_t column) {
    logits_T[target] = logits.f32(row)[column];
  });
}

void addAt(Context&, View dlogits, const float* g_T, const Targets& targets, std::int64_t begin,
           float inverseTemperature) {
  eachTarget(targets, begin, dlogits.cols, [&](std::int64_t target, std::int64_t row, std::int64_t column) {
    dlogits.f32(row)[column] += inverseTemperature * g_T[target];
  });
}

}  // namespace

float logOf(float x) { return static_cast<float>(elementary::log(static_cast<double>(x))); }

float logProbability(const float* stats, float logit, float inverseTemperature) {
  return (logit * inverseTemperature - stats[0]) - logOf(stats[1]);
}

float entropy(const float* stats) { return logOf(stats[1]) - stats[2] / stats[1]; }

const LogSoftmax kCpuLogSoftmax = {reset, accumulate, pick, backward, addAt};

}  // namespace agl
