// The backward pass of the stack: each function follows its forward in transformer.cpp, last step first.
#include "model/transformer.h"

namespace agl {

std::int64_t Transformer::backward(const Rows& rows, const PassActivations& pass, View d, const Adapter* adapter) {
  const bool recompute = pass.layers.size() == 1 && config_.layers > 1;
  std::int64_t recomputed = 0;
  for (std::int64_t layer = config_.layers - 1; layer >= 0; layer--) {
    checkStop();
    // The single buffer holds the last layer after the forward pass; its output residual is written again with the same bits.
    if (recompute && layer != config_.layers - 1) {
      layerForward(layer, rows, pass.layer(layer), pass, nullptr);
      recomputed += rows.count();
    }
    layerBackward(layer, rows, pass.layer(layer), pass, d, adapter);
  }
  if (adapter == nullptr && weights_.trainable()) {
    context_.ops.embedding.backward(context_, weights_.dEmbedding(), d, rows.tokens.data());
  }
  return recomputed;
}

// --- internal ---

void Transformer::layerBackward(std::int64_t layer, const Rows& rows, const LayerActivations& a,
                                const PassActivations& pass, View d, const Adapter* adapter) {
  const LayerWeights& w = weights_.layer(layer);
  const LayerGradients& g = pass.gradients;
  const bool all = adapter == nullptr;
  const auto weightGradient = [&](View gradient) { return all ? gradient : View{}; };

  zero(context_.device, g.act);
  productBackward(layer, Projection::down, g.act, d, a.act, a, g, adapter);
  zero(context_.device, g.gate);
  zero(context_.device, g.up);
  context_.ops.swiglu.backward(context_, g.gate, g.up, g.act, a.gate, a.up);
  zero(context_.device, g.hidden);
  productBackward(layer, Projection::gate, g.hidden, g.gate, a.mlpInput, a, g, adapter);
  productBackward(layer, Projection::up, g.hidden, g.up, a.mlpInput, a, g, adapter);
  context_.ops.rmsNorm.backward(context_, d, weightGradient(w.dMlpNorm), g.hidden, a.middle, w.mlpNorm, a.mlpRstd);

  zero(context_.device, g.attention);
  productBackward(layer, Projection::o, g.attention, d, a.attention, a, g, adapter);
  zero(context_.device, g.q);
  zero(context_.device, g.k);
  zero(context_.device, g.v);
  context_.ops.attention.backward(context_, g.q, g.k, g.v, g.attention, a.attention, a.lse, a.q, a.keys, a.values, rows.attention,
                          attention_);
  context_.ops.rope.backward(context_, g.q, cos_, sin_, rows.positions.data(), config_.headSize);
  context_.ops.rope.backward(context_, g.k, cos_, sin_, rows.positions.data(), config_.headSize);
  View dq = g.q;
  View dk = g.k;
  if (w.qNorm.data != nullptr) {
    const std::int64_t size = config_.headSize;
    dq = g.qRaw;
    dk = g.kRaw;
    zero(context_.device, dq);
    zero(context_.device, dk);
    context_.ops.rmsNorm.backward(context_, dq.reshape(size), weightGradient(w.dQNorm), g.q.reshape(size),
                          a.qRaw.reshape(size), w.qNorm, a.qRstd);
    context_.ops.rmsNorm.backward(context_, dk.reshape(size), weightGradient(w.dKNorm), g.k.reshape(size),
                          a.kRaw.reshape(size), w.kNorm, a.kRstd);
  }
  const bool isNeeded = all || layer > 0;  // the embedding under an adapter is frozen
  const View dInput = isNeeded ? g.hidden : View{};
  if (isNeeded) zero(context_.device, dInput);
  productBackward(layer, Projection::q, dInput, dq, a.attentionInput, a, g, adapter);
  productBackward(layer, Projection::k, dInput, dk, a.attentionInput, a, g, adapter);
  productBackward(layer, Projection::v, dInput, g.v, a.attentionInput, a, g, adapter);
  if (!isNeeded) return;
  context_.ops.rmsNorm.backward(context_, d, weightGradient(w.dAttentionNorm), g.hidden, pass.residual(layer),
                        w.attentionNorm, a.attentionRstd);
}

// Without `dx`, gradients of parameters alone.
//   y = W x + b + s B t, t = A x:   dx += W' dy + A' dts,  dts = s B' dy;   dW += dy x',  db += sum dy;   dB += dy (s t)',  dA += dts x'
void Transformer::productBackward(std::int64_t layer, Projection projection, View dx, View dy, View x,
                                  const LayerActivations& a, const LayerGradients& g, const Adapter* adapter) {
  const auto index = static_cast<std::size_t>(projection);
  const LayerWeights& w = weights_.layer(layer);
  if (dx.data != nullptr) context_.ops.linear.backwardInput(context_, dx, dy, w.projections[index]);
  if (adapter == nullptr) {
    context_.ops.linear.backwardWeight(context_, w.dProjections[index], dy, x);
    if (index < w.biases.size() && w.biases[index].data != nullptr) {
      context_.ops.elementwise.sumRows(context_, w.dBiases[index], dy);
    }
    return;
  }
  const LoraPair& pair = adapter->pair(layer, static_cast<int>(projection));
  if (!pair.present()) return;
  const auto withRank = [&](View buffer) {
    return View{buffer.data, Dtype::f32, x.rows, pair.rank(), pair.rank()};
  };
  const View scaled = withRank(g.loraScaled);
  zero(context_.device, scaled);
  context_.ops.elementwise.addScaled(context_, scaled, a.lora[index].narrow(pair.rank()), pair.scale);
  context_.ops.linear.backwardWeight(context_, pair.db, dy, scaled);
  const View dt = withRank(g.lora);
  zero(context_.device, dt);
  context_.ops.linear.backwardInput(context_, dt, dy, pair.b);
  zero(context_.device, scaled);
  context_.ops.elementwise.addScaled(context_, scaled, dt, pair.scale);
  context_.ops.linear.backwardWeight(context_, pair.da, scaled, x);
  if (dx.data != nullptr) context_.ops.linear.backwardInput(context_, dx, scaled, pair.a);
}

}  // namespace agl
