// Scoring and gradients over a forest: one forward, and one backward from the numbers of the last kept forward. The loss is not known here: it
// arrives as derivatives by prediction (Law 3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "train/prediction_head.h"

namespace agl {

struct TrainCounters {
  std::int64_t forwardRows = 0;
  std::int64_t backwardRows = 0;
  std::int64_t recomputedRows = 0;
};

struct Scores {
  std::vector<float> logprobs;   // by prediction, sequences laid end to end
  std::vector<float> entropies;
};

class Trainer {
 public:
  // `keep` is what a kept forward keeps: residuals or layers, by the plan.
  Trainer(Transformer& model, Arena& activations, Keep keep) : model_(model), arena_(activations), keep_(keep) {}

  // What a pass of `rows` takes from the arena.
  static void layOut(Arena& arena, const ModelConfig& config, const PassShape& shape);

  // `adapter` null is the base model. With `keep`, backward may follow.
  Scores forward(const Sequences& sequences, const Adapter* adapter, float temperature, bool keep);
  // Derivatives by prediction, in the order of Scores. Throws E_STATE without a kept forward.
  void backward(std::span<const double> dLogprobs, std::span<const double> dEntropies);
  // The kept forward is of no use any more.
  void forget() { kept_.reset(); }
  const TrainCounters& counters() const { return counters_; }

 private:
  struct Kept {
    Forest forest;
    Rows rows;  // staged; the adapters are gone
    PassActivations pass;
    HeadActivations head;
    View d;
    const Adapter* adapter;
    float inverseTemperature;
  };
  PassShape shapeOf(std::int64_t rows, const Adapter* adapter, bool keep) const;

  Transformer& model_;
  Arena& arena_;
  const Keep keep_;
  std::optional<Kept> kept_;
  TrainCounters counters_;
};

}  // namespace agl
