#include "model/activations.h"

namespace agl {

static LayerActivations layOutLayer(Arena& arena, const ModelConfig& c, const PassShape& shape) {
  const std::int64_t rows = shape.rows;
  LayerActivations a;
  a.attentionInput = arena.matrix(rows, c.hidden);
  a.attentionRstd = arena.matrix(1, rows);
  a.q = arena.matrix(rows, c.queryWidth());
  a.k = arena.matrix(rows, c.keyWidth());
  a.v = arena.matrix(rows, c.keyWidth());
  const bool rounded = c.compute != Dtype::f32;
  a.keys = rounded ? arena.matrix(c.compute, rows, c.keyWidth()) : a.k;
  a.values = rounded ? arena.matrix(c.compute, rows, c.keyWidth()) : a.v;
  if (shape.headNorms) {
    a.qRaw = arena.matrix(rows, c.queryWidth());
    a.kRaw = arena.matrix(rows, c.keyWidth());
    a.qRstd = arena.matrix(1, rows * c.heads);
    a.kRstd = arena.matrix(1, rows * c.kvHeads);
  }
  a.attention = arena.matrix(rows, c.queryWidth());
  a.lse = arena.matrix(rows, c.heads);
  a.middle = arena.matrix(rows, c.hidden);
  a.mlpInput = arena.matrix(rows, c.hidden);
  a.mlpRstd = arena.matrix(1, rows);
  a.gate = arena.matrix(rows, c.intermediate);
  a.up = arena.matrix(rows, c.intermediate);
  a.act = arena.matrix(rows, c.intermediate);
  if (shape.largestRank > 0) {
    for (View& lora : a.lora) lora = arena.matrix(rows, shape.largestRank);
  }
  return a;
}

static LayerGradients layOutGradients(Arena& arena, const ModelConfig& c, const PassShape& shape) {
  const std::int64_t rows = shape.rows;
  LayerGradients g;
  g.hidden = arena.matrix(rows, c.hidden);
  g.q = arena.matrix(rows, c.queryWidth());
  g.k = arena.matrix(rows, c.keyWidth());
  g.v = arena.matrix(rows, c.keyWidth());
  g.attention = arena.matrix(rows, c.queryWidth());
  if (shape.headNorms) {
    g.qRaw = arena.matrix(rows, c.queryWidth());
    g.kRaw = arena.matrix(rows, c.keyWidth());
  }
  g.gate = arena.matrix(rows, c.intermediate);
  g.up = arena.matrix(rows, c.intermediate);
  g.act = arena.matrix(rows, c.intermediate);
  if (shape.largestRank > 0) {
    g.lora = arena.matrix(rows, shape.largestRank);
    g.loraScaled = arena.matrix(rows, shape.largestRank);
  }
  return g;
}

PassActivations layOutPass(Arena& arena, const ModelConfig& c, const PassShape& shape) {
  PassActivations pass;
  const std::int64_t residuals = shape.keep == Keep::nothing ? 2 : c.layers + 1;
  for (std::int64_t i = 0; i < residuals; i++) pass.residuals.push_back(arena.matrix(shape.rows, c.hidden));
  const std::int64_t layers = shape.keep == Keep::layers ? c.layers : 1;
  for (std::int64_t i = 0; i < layers; i++) pass.layers.push_back(layOutLayer(arena, c, shape));
  if (shape.keep != Keep::nothing) pass.gradients = layOutGradients(arena, c, shape);
  return pass;
}

}  // namespace agl
