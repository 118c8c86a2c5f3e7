// What a pass over the layers writes, laid out in the activations arena by the same code that plans it.
#pragma once

#include <array>
#include <vector>

#include "core/arena.h"
#include "model/config.h"

namespace agl {

// One layer, R rows. Kept for the backward pass, or overwritten by the next layer where none follows.
struct LayerActivations {
  View attentionInput;  // (R,C) normed
  View attentionRstd;   // (1,R)
  View q;               // (R, heads D), rotated
  View k;               // (R, kvHeads D), rotated
  View v;
  View keys;  // k and v as attention reads them: rounded in bf16, the same memory in f32
  View values;
  View qRaw;  // before the per-head norm; null where there is none
  View kRaw;
  View qRstd;  // (1, R heads)
  View kRstd;
  View attention;  // (R, heads D)
  View lse;        // (R, heads)
  View middle;     // (R,C) residual after attention
  View mlpInput;   // (R,C) normed
  View mlpRstd;    // (1,R)
  View gate;       // (R,I)
  View up;
  View act;
  std::array<View, kProjections> lora;  // (R,largest rank): A x in the first columns
};

// Gradients of one layer; reused by every layer.
struct LayerGradients {
  View hidden;  // (R,C)
  View q, k, v, attention;
  View qRaw, kRaw;
  View gate, up, act;
  View lora, loraScaled;  // (R,rank)
};

// A whole pass of R rows.
struct PassActivations {
  std::vector<View> residuals;  // input of each layer, and the last layer's output; two, used in turn, where no backward follows
  std::vector<LayerActivations> layers;  // one for each layer, or a single one
  LayerGradients gradients;

  View residual(std::int64_t index) const { return residuals[static_cast<std::size_t>(index) % residuals.size()]; }
  const LayerActivations& layer(std::int64_t index) const {
    return layers[static_cast<std::size_t>(index) % layers.size()];
  }
};

enum class Keep : std::uint8_t {
  nothing,    // no backward follows
  residuals,  // layers are recomputed in the backward pass
  layers,     // everything
};

struct PassShape {
  std::int64_t rows = 0;
  std::int64_t largestRank = 0;
  bool headNorms = false;
  Keep keep = Keep::nothing;
};

PassActivations layOutPass(Arena& arena, const ModelConfig& config, const PassShape& shape);

}  // namespace agl
