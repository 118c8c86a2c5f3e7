// The decoder stack, forward and backward, over rows laid out by the sampler or the forest planner. A row is one token at one position; its
// keys are found through runs, so one function serves packed training and paged sampling.
//   h = norm(x);  q, k, v = products of h (+ bias), per-head norms, rotation;  x' = x + Wo attention(q, k, v)
//   y = x' + Wdown( silu(Wgate h') (Wup h') ),  h' = norm(x')
#pragma once

#include <atomic>
#include <span>

#include "model/activations.h"
#include "model/lora.h"
#include "model/rope_table.h"
#include "model/token_memory.h"
#include "model/weights.h"

namespace agl {

// Rows [row, row + rows) use this adapter; null is the base model.
struct AdapterSpan {
  std::int64_t row;
  std::int64_t rows;
  const Adapter* adapter;
};

// Arrays on the host, or once staged, where the device reads them.
struct Rows {
  std::span<const std::int32_t> tokens;
  std::span<const std::int32_t> positions;
  AttentionWork attention;
  std::span<const AdapterSpan> adapters;  // always on the host
  // Where each row's key and value go in token memory; empty: rows are their own slots and nothing is remembered.
  std::span<const std::int32_t> slots;

  std::int64_t count() const { return static_cast<std::int64_t>(tokens.size()); }
};

class Transformer {
 public:
  // `stop` ends a pass between layers with E_CLOSED.
  Transformer(Context& context, const ModelConfig& config, Weights& weights,
              const std::atomic<bool>& stop);

  // A new pass: rows as the device reads them, until the next call.
  Rows stage(Rows rows, bool withBackward);
  // Both take staged rows. Embeds and runs every layer; the result is pass.residual(layers). `memory` is null for packed rows.
  void forward(const Rows& rows, const PassActivations& pass, TokenMemory* memory);
  // d is the gradient of the last layer's output (R,C); on return, of the embedding where that is trained. Adds to the gradients
  // of `adapter`, or of the weights when it is null and they are trainable. Recomputes layers that the pass did not keep;
  // returns how many rows times layers.
  std::int64_t backward(const Rows& rows, const PassActivations& pass, View d, const Adapter* adapter);

  const ModelConfig& config() const { return config_; }
  const Weights& weights() const { return weights_; }
  Context& context() { return context_; }

 private:
  void layerForward(std::int64_t layer, const Rows& rows, const LayerActivations& a, const PassActivations& pass,
                    TokenMemory* memory);
  void layerBackward(std::int64_t layer, const Rows& rows, const LayerActivations& a, const PassActivations& pass,
                     View d, const Adapter* adapter);
  // A product of a layer and where its result goes.
  struct Output {
    Projection projection;
    View y;
  };
  void products(std::int64_t layer, std::initializer_list<Output> outputs, const Rows& rows, View x, const LayerActivations& a);
  void productBackward(std::int64_t layer, Projection projection, View dx, View dy, View x, const LayerActivations& a,
                       const LayerGradients& g, const Adapter* adapter);
  void checkStop() const;

  Context& context_;
  const ModelConfig& config_;
  Weights& weights_;
  const std::atomic<bool>& stop_;
  Arena tables_;
  View cos_;
  View sin_;
  AttentionShape attention_;
};

}  // namespace agl
