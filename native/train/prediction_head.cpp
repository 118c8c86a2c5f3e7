#include "train/prediction_head.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/fault.h"

namespace agl {

HeadActivations layOutHead(Arena& arena, const ModelConfig& config, std::int64_t rows, bool keep) {
  HeadActivations a;
  a.hidden = arena.matrix(rows, config.hidden);
  a.rstd = arena.matrix(1, rows);
  a.logits = arena.matrix(rows, std::min(LogSoftmax::kBlock, config.vocabulary));
  a.stats = arena.matrix(rows, 3);
  if (keep) a.dHidden = arena.matrix(rows, config.hidden);
  if (keep) a.movedStats = arena.matrix(rows, 3);
  return a;
}

// Calls visit(begin, count) for each vocabulary block, ascending.
template <class Visit>
static void eachBlock(std::int64_t vocabulary, Visit visit) {
  for (std::int64_t begin = 0; begin < vocabulary; begin += LogSoftmax::kBlock) {
    visit(begin, std::min(LogSoftmax::kBlock, vocabulary - begin));
  }
}

// The row of each target; below 0 where `place` leaves the row out.
static std::vector<std::int32_t> targetRows(const Forest& forest, const std::vector<std::int32_t>& place) {
  std::vector<std::int32_t> rows(forest.targets.size());
  for (std::size_t row = 0; row < place.size(); row++) {
    std::fill(rows.begin() + forest.targetBegins[row], rows.begin() + forest.targetBegins[row + 1], place[row]);
  }
  return rows;
}

static Targets stageTargets(Device& device, const Forest& forest, const std::vector<std::int32_t>& rows) {
  return {staged(device, std::span<const std::int32_t>(rows)).data(),
          staged(device, std::span<const std::int32_t>(forest.targets)).data(),
          static_cast<std::int64_t>(rows.size())};
}

static View narrow(View buffer, std::int64_t cols) { return {buffer.data, buffer.dtype, buffer.rows, cols, cols}; }

void PredictionHead::forward(const HeadActivations& a, View x, const Forest& forest, float inverseTemperature,
                             std::span<float> logprobs, std::span<float> entropies) {
  Context& context = model_.context();
  const Ops& ops = context.ops;
  std::vector<std::int32_t> everyRow(static_cast<std::size_t>(forest.rows()));
  std::iota(everyRow.begin(), everyRow.end(), 0);
  const std::vector<std::int32_t> rows = targetRows(forest, everyRow);
  const Targets targets = stageTargets(context.device, forest, rows);
  // The targets' logits wait in their places until the statistics are complete.
  const std::span<const float> places = staged(context.device, std::span<const float>(logprobs));
  ops.rmsNorm.forward(context, a.hidden, a.rstd, x, model_.weights().finalNorm(), model_.config().normEps);
  ops.logSoftmax.reset(context, a.stats);
  eachBlock(model_.config().vocabulary, [&](std::int64_t begin, std::int64_t count) {
    const View logits = narrow(a.logits, count);
    ops.linear.forward(context, logits, a.hidden, model_.weights().head().slice(begin, count));
    ops.logSoftmax.accumulate(context, a.stats, logits, inverseTemperature);
    ops.logSoftmax.pick(context, const_cast<float*>(places.data()), logits, targets, begin);
  });
  context.device.copyOut(logprobs.data(), places.data(), places.size_bytes());
  const std::vector<float> stats = readFloats(context.device, a.stats);
  for (std::size_t row = 0; row < entropies.size(); row++) entropies[row] = entropy(stats.data() + 3 * row);
  for (std::size_t target = 0; target < rows.size(); target++) {
    float& logprob = logprobs[target];
    logprob = logProbability(stats.data() + 3 * rows[target], logprob, inverseTemperature);
    if (isPlanted("ONE_ULP")) logprob = __builtin_nextafterf(logprob, 0.0F);
  }
}

// The rows that have a derivative. A prompt's have none: their logits need no second look.
static std::vector<std::int32_t> rowsWithDerivative(const Forest& forest, std::span<const float> dTargets,
                                                    std::span<const float> dEntropies) {
  std::vector<std::int32_t> rows;
  for (std::size_t row = 0; row < static_cast<std::size_t>(forest.rows()); row++) {
    const auto begin = dTargets.begin() + forest.targetBegins[row], end = dTargets.begin() + forest.targetBegins[row + 1];
    const bool any = dEntropies[row] != 0 || std::any_of(begin, end, [](float d) { return d != 0; });
    if (any) rows.push_back(static_cast<std::int32_t>(row));
  }
  return rows;
}

void PredictionHead::backward(const HeadActivations& a, View dx, View x, const Forest& forest,
                              float inverseTemperature, std::span<const float> dTargets,
                              std::span<const float> dEntropies, bool all) {
  Context& context = model_.context();
  const Ops& ops = context.ops;
  Device& device = context.device;
  const Weights& weights = model_.weights();
  const std::vector<std::int32_t> rows = rowsWithDerivative(forest, dTargets, dEntropies);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<std::int32_t> place(static_cast<std::size_t>(forest.rows()), -1);
  std::vector<float> dRows(rows.size(), 0.0F), dRowEntropies(rows.size());
  for (std::size_t i = 0; i < rows.size(); i++) {
    const auto row = static_cast<std::size_t>(rows[i]);
    place[row] = static_cast<std::int32_t>(i);
    dRowEntropies[i] = dEntropies[row];
    for (std::int32_t target = forest.targetBegins[row]; target < forest.targetBegins[row + 1]; target++) {
      dRows[i] += dTargets[static_cast<std::size_t>(target)];
    }
  }
  const std::vector<std::int32_t> targetPlaces = targetRows(forest, place);
  const Targets targets = stageTargets(device, forest, targetPlaces);
  const float* const dTargetsStaged = staged(device, dTargets).data();
  const float* const dRowsStaged = staged(device, std::span<const float>(dRows)).data();
  const float* const dEntropiesStaged = staged(device, std::span<const float>(dRowEntropies)).data();
  const std::span<const std::int32_t> moved = staged(device, std::span<const std::int32_t>(rows));

  const View hidden = dx.slice(0, count), stats = a.movedStats.slice(0, count), dHidden = a.dHidden.slice(0, count);
  ops.rows.gather(context, hidden, a.hidden, moved);
  ops.rows.gather(context, stats, a.stats, moved);
  zero(device, dHidden);
  eachBlock(model_.config().vocabulary, [&](std::int64_t begin, std::int64_t columns) {
    if (count == 0) return;
    const View logits = narrow(a.logits, columns).slice(0, count);
    const Packed head = weights.head().slice(begin, columns);
    ops.linear.forward(context, logits, hidden, head);
    ops.logSoftmax.backward(context, logits, logits, stats, dRowsStaged, dEntropiesStaged, inverseTemperature);
    ops.logSoftmax.addAt(context, logits, dTargetsStaged, targets, begin, inverseTemperature);
    ops.linear.backwardInput(context, dHidden, logits, head);
    if (all) ops.linear.backwardWeight(context, weights.dHead().slice(begin, columns), logits, hidden);
  });
  ops.rows.scatter(context, a.hidden, dHidden, moved);
  zero(device, dx);
  ops.rmsNorm.backward(context, dx, all ? weights.dFinalNorm() : View{}, a.hidden, x, weights.finalNorm(), a.rstd);
}

}  // namespace agl
