#include "train/prediction_head.h"

#include <algorithm>
#include <cstring>

namespace agl {

HeadActivations layOutHead(Arena& arena, const ModelConfig& config, std::int64_t rows, bool keep) {
  HeadActivations a;
  a.hidden = arena.matrix(rows, config.hidden);
  a.rstd = arena.matrix(1, rows);
  a.logits = arena.matrix(rows, std::min(LogSoftmax::kBlock, config.vocabulary));
  a.stats = arena.matrix(rows, 3);
  if (keep) a.dHidden = arena.matrix(rows, config.hidden);
  return a;
}

// Calls visit(begin, count) for each vocabulary block, ascending.
template <class Visit>
static void eachBlock(std::int64_t vocabulary, Visit visit) {
  for (std::int64_t begin = 0; begin < vocabulary; begin += LogSoftmax::kBlock) {
    visit(begin, std::min(LogSoftmax::kBlock, vocabulary - begin));
  }
}

// Calls visit(row, target, column) for each target inside the block.
template <class Visit>
static void eachTarget(const Forest& forest, std::int64_t begin, std::int64_t count, Visit visit) {
  for (std::int64_t row = 0; row < forest.rows(); row++) {
    const std::int32_t end = forest.targetBegins[static_cast<std::size_t>(row) + 1];
    for (std::int32_t target = forest.targetBegins[static_cast<std::size_t>(row)]; target < end; target++) {
      const std::int64_t column = forest.targets[static_cast<std::size_t>(target)] - begin;
      if (column >= 0 && column < count) visit(row, static_cast<std::size_t>(target), column);
    }
  }
}

static View narrow(View buffer, std::int64_t cols) { return {buffer.data, buffer.dtype, buffer.rows, cols, cols}; }

void PredictionHead::forward(const HeadActivations& a, View x, const Forest& forest, float inverseTemperature,
                             std::span<float> logprobs, std::span<float> entropies) {
  Context& context = model_.context();
  const Ops& ops = model_.ops();
  ops.rmsNorm.forward(context, a.hidden, a.rstd, x, model_.weights().finalNorm(), model_.config().normEps);
  ops.logSoftmax.reset(context, a.stats);
  eachBlock(model_.config().vocabulary, [&](std::int64_t begin, std::int64_t count) {
    const View logits = narrow(a.logits, count);
    ops.linear.forward(context, logits, a.hidden, model_.weights().head().slice(begin, count));
    ops.logSoftmax.accumulate(context, a.stats, logits, inverseTemperature);
    // The targets' logits wait in their places until the statistics are complete.
    eachTarget(forest, begin, count, [&](std::int64_t row, std::size_t target, std::int64_t column) {
      logprobs[target] = logits.f32(row)[column];
    });
  });
  for (std::int64_t row = 0; row < forest.rows(); row++) {
    const auto r = static_cast<std::size_t>(row);
    entropies[r] = entropy(a.stats.f32(row));
    for (std::int32_t target = forest.targetBegins[r]; target < forest.targetBegins[r + 1]; target++) {
      float& logprob = logprobs[static_cast<std::size_t>(target)];
      logprob = logProbability(a.stats.f32(row), logprob, inverseTemperature);
#ifdef AGL_FAULT_ONE_ULP
      logprob = __builtin_nextafterf(logprob, 0.0F);
#endif
    }
  }
}

void PredictionHead::backward(const HeadActivations& a, View dx, View x, const Forest& forest,
                              float inverseTemperature, std::span<const float> dTargets,
                              std::span<const float> dEntropies, bool all) {
  Context& context = model_.context();
  const Ops& ops = model_.ops();
  const Weights& weights = model_.weights();
  std::vector<float> dRows(static_cast<std::size_t>(forest.rows()), 0.0F);
  for (std::size_t row = 0; row < dRows.size(); row++) {
    for (std::int32_t target = forest.targetBegins[row]; target < forest.targetBegins[row + 1]; target++) {
      dRows[row] += dTargets[static_cast<std::size_t>(target)];
    }
  }
  std::memset(a.dHidden.data, 0, static_cast<std::size_t>(a.dHidden.rows * a.dHidden.cols) * sizeof(float));
  eachBlock(model_.config().vocabulary, [&](std::int64_t begin, std::int64_t count) {
    const View logits = narrow(a.logits, count);
    const Packed head = weights.head().slice(begin, count);
    ops.linear.forward(context, logits, a.hidden, head);
    ops.logSoftmax.backward(context, logits, logits, a.stats, dRows.data(), dEntropies.data(), inverseTemperature);
    eachTarget(forest, begin, count, [&](std::int64_t row, std::size_t target, std::int64_t column) {
      logits.f32(row)[column] += inverseTemperature * dTargets[target];
    });
    ops.linear.backwardInput(context, a.dHidden, logits, head);
    if (all) ops.linear.backwardWeight(context, weights.dHead().slice(begin, count), logits, a.hidden);
  });
  std::memset(dx.data, 0, static_cast<std::size_t>(dx.rows * dx.cols) * sizeof(float));
  ops.rmsNorm.backward(context, dx, all ? weights.dFinalNorm() : View{}, a.dHidden, x, weights.finalNorm(), a.rstd);
}

}  // namespace agl
