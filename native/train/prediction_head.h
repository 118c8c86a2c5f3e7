// The last norm and the fused log-probability and entropy of the vocabulary, block by block (Law 4): at most one block of logits exists.
//   forward   h = norm(x);  logits of a block = W_block h;  statistics merge over blocks (ops/head/log_softmax.h)
//   backward  the block's logits again, their gradient in place, dh += W_block' dlogits;  trainable weights: dW_block += dlogits h'
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/transformer.h"
#include "train/forest.h"

namespace agl {

struct HeadActivations {
  View hidden;  // (R,C) normed
  View rstd;    // (1,R)
  View logits;  // (R, block)
  View stats;   // (R,3)
  View dHidden;  // (R,C), and (R,3) of the rows that have a derivative; null where no backward follows
  View movedStats;
};

HeadActivations layOutHead(Arena& arena, const ModelConfig& config, std::int64_t rows, bool keep);

class PredictionHead {
 public:
  PredictionHead(Transformer& model) : model_(model) {}

  // x (R,C): the last layer's output. logprobs: one per target of the forest; entropies: one per row.
  void forward(const HeadActivations& a, View x, const Forest& forest, float inverseTemperature,
               std::span<float> logprobs, std::span<float> entropies);
  // dx (R,C) is overwritten, and so is the hidden that forward left. dTargets: gradient by target; dEntropies: by row. `all`: adds to the weights'
  // gradients. Only rows with a derivative are computed.
  void backward(const HeadActivations& a, View dx, View x, const Forest& forest, float inverseTemperature,
                std::span<const float> dTargets, std::span<const float> dEntropies, bool all);

 private:
  Transformer& model_;
};

}  // namespace agl
