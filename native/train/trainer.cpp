#include "train/trainer.h"

#include <string>

#include "core/error.h"
#include "core/fault.h"

namespace agl {
namespace {

Rows rowsOf(const Forest& forest, std::span<const AdapterSpan> adapters) {
  return {forest.tokens, forest.positions, {forest.tiles, forest.runs}, adapters, {}};
}

struct Pass {
  PassActivations layers;
  HeadActivations head;
  View d;
};

Pass layOutAll(Arena& arena, const ModelConfig& config, const PassShape& shape) {
  const bool keep = shape.keep != Keep::nothing;
  Pass pass;
  pass.layers = layOutPass(arena, config, shape);
  pass.head = layOutHead(arena, config, shape.rows, keep);
  if (keep) pass.d = arena.matrix(shape.rows, config.hidden);
  return pass;
}

}  // namespace

void Trainer::layOut(Arena& arena, const ModelConfig& config, const PassShape& shape) {
  layOutAll(arena, config, shape);
}

Scores Trainer::forward(const Sequences& sequences, const Adapter* adapter, float temperature, bool keep) {
  kept_.reset();
  Forest forest = plantForest(sequences);
  arena_.rewind(0);
  const Pass pass = layOutAll(arena_, model_.config(), shapeOf(forest.rows(), adapter, keep));
  const AdapterSpan span{0, forest.rows(), adapter};
  const Rows rows = model_.stage(rowsOf(forest, {&span, 1}), keep);
  model_.forward(rows, pass.layers, nullptr);
  counters_.forwardRows += forest.rows();

  const float inverseTemperature = 1.0F / temperature;
  std::vector<float> logprobs(forest.targets.size());
  std::vector<float> entropies(static_cast<std::size_t>(forest.rows()));
  PredictionHead(model_).forward(pass.head, pass.layers.residual(model_.config().layers), forest, inverseTemperature,
                                 logprobs, entropies);
  Scores scores;
  for (std::size_t i = 0; i < forest.predictions.size(); i++) {
    scores.logprobs.push_back(logprobs[static_cast<std::size_t>(forest.predictions[i])]);
    scores.entropies.push_back(entropies[static_cast<std::size_t>(forest.predictionRows[i])]);
  }
  if (keep) kept_ = Kept{std::move(forest), rows, pass.layers, pass.head, pass.d, adapter, inverseTemperature};
  return scores;
}

void Trainer::backward(std::span<const double> dLogprobs, std::span<const double> dEntropies) {
  if (!kept_) throw Error("E_STATE", "backward: expected a kept forward, got none");
  const Kept& kept = *kept_;
  const Forest& forest = kept.forest;
  const std::size_t predictions = forest.predictions.size();
  if (dLogprobs.size() != predictions || dEntropies.size() != predictions) {
    throw Error("E_INTERNAL", "backward: expected " + std::to_string(predictions) + " derivatives, got " +
                                  std::to_string(dLogprobs.size()));
  }
  // A shared prediction receives the sum over its sequences, in batch order.
  std::vector<double> byTarget(forest.targets.size(), 0.0);
  std::vector<double> byRow(static_cast<std::size_t>(forest.rows()), 0.0);
  for (std::size_t i = 0; i < predictions; i++) {
    double& target = byTarget[static_cast<std::size_t>(forest.predictions[i])];
    target = isPlanted("DROPPED_BRANCH") ? dLogprobs[i] : target + dLogprobs[i];
    byRow[static_cast<std::size_t>(forest.predictionRows[i])] += dEntropies[i];
  }
  const std::vector<float> dTargets(byTarget.begin(), byTarget.end());
  const std::vector<float> dRows(byRow.begin(), byRow.end());
  const View last = kept.pass.residual(model_.config().layers);
  PredictionHead(model_).backward(kept.head, kept.d, last, forest, kept.inverseTemperature, dTargets, dRows,
                                  kept.adapter == nullptr);
  const AdapterSpan span{0, forest.rows(), kept.adapter};
  Rows rows = kept.rows;
  rows.adapters = {&span, 1};
  counters_.recomputedRows += model_.backward(rows, kept.pass, kept.d, kept.adapter);
  counters_.backwardRows += forest.rows();
  kept_.reset();
}

// --- internal ---

PassShape Trainer::shapeOf(std::int64_t rows, const Adapter* adapter, bool keep) const {
  PassShape shape;
  shape.rows = rows;
  shape.largestRank = adapter == nullptr ? 0 : adapter->largestRank();
  shape.headNorms = model_.weights().layer(0).qNorm.data != nullptr;
  shape.keep = keep ? keep_ : Keep::nothing;
  return shape;
}

}  // namespace agl
