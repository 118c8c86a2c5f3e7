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

// The rows that have a derivative. A prompt's have none: their logits need no second look.
static std::vector<std::int64_t> rowsWithDerivative(const Forest& forest, std::span<const float> dTargets,
                                                    std::span<const float> dEntropies) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < static_cast<std::size_t>(forest.rows()); row++) {
    const auto begin = dTargets.begin() + forest.targetBegins[row], end = dTargets.begin() + forest.targetBegins[row + 1];
    const bool any = dEntropies[row] != 0 || std::any_of(begin, end, [](float d) { return d != 0; });
    if (any) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

// A row may be moved onto itself.
static void moveRow(View m, std::int64_t from, std::int64_t to) {
  std::memmove(m.f32(to), m.f32(from), static_cast<std::size_t>(m.cols) * sizeof(float));
}

// Row i becomes what row rows[i] was.
static void moveUp(View m, const std::vector<std::int64_t>& rows) {
  for (std::size_t i = 0; i < rows.size(); i++) {
    moveRow(m, rows[i], static_cast<std::int64_t>(i));
  }
}

// Row rows[i] becomes what row i was; all others are zero.
static void moveBack(View m, const std::vector<std::int64_t>& rows) {
  auto left = static_cast<std::int64_t>(rows.size());
  for (std::int64_t row = m.rows - 1; row >= 0; row--) {
    if (left > 0 && rows[static_cast<std::size_t>(left - 1)] == row) {
      moveRow(m, --left, row);
    } else {
      std::fill_n(m.f32(row), m.cols, 0.0F);
    }
  }
}

void PredictionHead::backward(const HeadActivations& a, View dx, View x, const Forest& forest,
                              float inverseTemperature, std::span<const float> dTargets,
                              std::span<const float> dEntropies, bool all) {
  Context& context = model_.context();
  const Ops& ops = model_.ops();
  const Weights& weights = model_.weights();
  const std::vector<std::int64_t> rows = rowsWithDerivative(forest, dTargets, dEntropies);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<std::int64_t> place(static_cast<std::size_t>(forest.rows()), -1);
  std::vector<float> dRows(rows.size(), 0.0F);
  std::vector<float> dRowEntropies(rows.size());
  for (std::size_t i = 0; i < rows.size(); i++) {
    const auto row = static_cast<std::size_t>(rows[i]);
    place[row] = static_cast<std::int64_t>(i);
    dRowEntropies[i] = dEntropies[row];
    for (std::int32_t target = forest.targetBegins[row]; target < forest.targetBegins[row + 1]; target++) {
      dRows[i] += dTargets[static_cast<std::size_t>(target)];
    }
  }
  moveUp(a.hidden, rows);
  moveUp(a.stats, rows);
  const View hidden = a.hidden.slice(0, count), stats = a.stats.slice(0, count), dHidden = a.dHidden.slice(0, count);
  std::memset(dHidden.data, 0, static_cast<std::size_t>(count * dHidden.cols) * sizeof(float));
  eachBlock(model_.config().vocabulary, [&](std::int64_t begin, std::int64_t columns) {
    if (count == 0) return;
    const View logits = narrow(a.logits, columns).slice(0, count);
    const Packed head = weights.head().slice(begin, columns);
    ops.linear.forward(context, logits, hidden, head);
    ops.logSoftmax.backward(context, logits, logits, stats, dRows.data(), dRowEntropies.data(), inverseTemperature);
    eachTarget(forest, begin, columns, [&](std::int64_t row, std::size_t target, std::int64_t column) {
      const std::int64_t at = place[static_cast<std::size_t>(row)];
      if (at >= 0) logits.f32(at)[column] += inverseTemperature * dTargets[target];
    });
    ops.linear.backwardInput(context, dHidden, logits, head);
    if (all) ops.linear.backwardWeight(context, weights.dHead().slice(begin, columns), logits, hidden);
  });
  moveBack(a.dHidden, rows);
  std::memset(dx.data, 0, static_cast<std::size_t>(dx.rows * dx.cols) * sizeof(float));
  ops.rmsNorm.backward(context, dx, all ? weights.dFinalNorm() : View{}, a.dHidden, x, weights.finalNorm(), a.rstd);
}

}  // namespace agl
