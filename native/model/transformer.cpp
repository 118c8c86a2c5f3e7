#include "model/transformer.h"

#include <cmath>
#include <vector>

#include "core/error.h"

namespace agl {

Transformer::Transformer(Context& context, const ModelConfig& config, Weights& weights,
                         const std::atomic<bool>& stop)
    : context_(context),
      config_(config),
      weights_(weights),
      stop_(stop),
      tables_(context.device, "rotary tables", static_cast<std::size_t>(config.contextLength * config.headSize * 4 + 128)),
      attention_{config.heads, config.kvHeads, config.headSize,
                 1.0F / std::sqrt(static_cast<float>(config.headSize))} {
  cos_ = tables_.matrix(config.contextLength, config.headSize / 2);
  sin_ = tables_.matrix(config.contextLength, config.headSize / 2);
  std::vector<float> tables(static_cast<std::size_t>(2 * cos_.rows * cos_.cols));
  const View cos = matrix(tables.data(), cos_.rows, cos_.cols);
  const View sin = matrix(cos.f32(cos.rows), cos_.rows, cos_.cols);
  fillRopeTable(cos, sin, config.rope);
  context.device.copyIn(cos_.data, cos.data, tables.size() / 2 * sizeof(float));
  context.device.copyIn(sin_.data, sin.data, tables.size() / 2 * sizeof(float));
}

Rows Transformer::stage(Rows rows, bool withBackward) {
  Device& device = context_.device;
  device.beginStage();
  rows.tokens = staged(device, rows.tokens);
  rows.positions = staged(device, rows.positions);
  rows.slots = staged(device, rows.slots);
  context_.ops.attention.prepare(context_, rows.attention, withBackward);
  return rows;
}

void Transformer::forward(const Rows& rows, const PassActivations& pass, TokenMemory* memory) {
  weights_.embed(context_, pass.residual(0), rows.tokens.data());
  for (std::int64_t layer = 0; layer < config_.layers; layer++) {
    checkStop();
    layerForward(layer, rows, pass.layer(layer), pass, memory);
  }
}

// --- internal ---

void Transformer::checkStop() const {
  if (stop_.load(std::memory_order_relaxed)) throw Error("E_CLOSED", "policy: closed while it was computing");
}

void Transformer::layerForward(std::int64_t layer, const Rows& rows, const LayerActivations& a,
                               const PassActivations& pass, TokenMemory* memory) {
  const LayerWeights& w = weights_.layer(layer);
  const View x = pass.residual(layer);
  const View y = pass.residual(layer + 1);
  context_.ops.rmsNorm.forward(context_, a.attentionInput, a.attentionRstd, x, w.attentionNorm, config_.normEps);
  const bool headNorms = w.qNorm.data != nullptr;
  products(layer,
           {{Projection::q, headNorms ? a.qRaw : a.q}, {Projection::k, headNorms ? a.kRaw : a.k}, {Projection::v, a.v}},
           rows, a.attentionInput, a);
  if (headNorms) {
    const std::int64_t size = config_.headSize;
    context_.ops.rmsNorm.forward(context_, a.q.reshape(size), a.qRstd, a.qRaw.reshape(size), w.qNorm, config_.normEps);
    context_.ops.rmsNorm.forward(context_, a.k.reshape(size), a.kRstd, a.kRaw.reshape(size), w.kNorm, config_.normEps);
  }
  context_.ops.rope.forward(context_, a.q, cos_, sin_, rows.positions.data(), config_.headSize);
  context_.ops.rope.forward(context_, a.k, cos_, sin_, rows.positions.data(), config_.headSize);
  const View keys = memory == nullptr ? a.keys : memory->keys(layer);
  const View values = memory == nullptr ? a.values : memory->values(layer);
  const std::int32_t* slots = memory == nullptr ? nullptr : rows.slots.data();
  if (keys.data != a.k.data) {
    context_.ops.elementwise.keep(context_, keys, a.k, slots);
    context_.ops.elementwise.keep(context_, values, a.v, slots);
  }
  context_.ops.attention.forward(context_, a.attention, a.lse, a.q, keys, values, rows.attention, attention_);
  products(layer, {{Projection::o, a.middle}}, rows, a.attention, a);
  context_.ops.elementwise.add(context_, a.middle, x);
  context_.ops.rmsNorm.forward(context_, a.mlpInput, a.mlpRstd, a.middle, w.mlpNorm, config_.normEps);
  products(layer, {{Projection::gate, a.gate}, {Projection::up, a.up}}, rows, a.mlpInput, a);
  context_.ops.swiglu.forward(context_, a.act, a.gate, a.up);
  products(layer, {{Projection::down, y}}, rows, a.act, a);
  context_.ops.elementwise.add(context_, y, a.middle);
}

void Transformer::products(std::int64_t layer, std::initializer_list<Output> outputs, const Rows& rows, View x,
                           const LayerActivations& a) {
  const LayerWeights& w = weights_.layer(layer);
  std::vector<LinearOutput> products;
  for (const auto& [projection, y] : outputs) products.push_back({y, w.projections[static_cast<std::size_t>(projection)]});
  context_.ops.linear.forwardEach(context_, x, products);
  std::vector<LoraTask> tasks;
  for (const auto& [projection, y] : outputs) {
    const auto index = static_cast<std::size_t>(projection);
    if (index < w.biases.size() && w.biases[index].data != nullptr) {
      context_.ops.elementwise.addBias(context_, y, w.biases[index]);
    }
    for (const AdapterSpan& span : rows.adapters) {
      if (span.adapter == nullptr) continue;
      const LoraPair& pair = span.adapter->pair(layer, static_cast<int>(projection));
      if (!pair.present()) continue;
      const View down = a.lora[index].slice(span.row, span.rows).narrow(pair.rank());
      tasks.push_back({y.slice(span.row, span.rows), down, x.slice(span.row, span.rows), pair.a, pair.b, pair.scale});
    }
  }
  if (!tasks.empty()) context_.ops.lora.forward(context_, tasks);
}

}  // namespace agl
