// The shape of a decoder-only transformer and where its tensors lie; plain values that the facade has checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/view.h"
#include "model/rope_table.h"

namespace agl {

struct ModelConfig {
  std::int64_t hidden = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kvHeads = 0;
  std::int64_t headSize = 0;
  std::int64_t intermediate = 0;
  std::int64_t vocabulary = 0;
  bool tie = false;
  float normEps = 0;
  RopeParameters rope;
  std::int64_t contextLength = 0;
  // f32 or bf16: the arithmetic, which is the dtype of packed weights, adapters, keys and values.
  Dtype compute = Dtype::f32;
  // What the layers' products hold instead, i8 or f8; with bf16 alone.
  std::optional<Dtype> codes;

  Dtype projections() const { return codes.value_or(compute); }

  std::int64_t queryWidth() const { return heads * headSize; }
  std::int64_t keyWidth() const { return kvHeads * headSize; }
};

// The seven products of a layer, in the order of the contract with the facade.
enum class Projection : std::uint8_t { q, k, v, o, gate, up, down };
constexpr int kProjections = 7;

inline std::int64_t inputWidth(const ModelConfig& c, int projection) {
  const std::array<std::int64_t, kProjections> widths = {c.hidden, c.hidden, c.hidden,      c.queryWidth(),
                                                         c.hidden, c.hidden, c.intermediate};
  return widths[static_cast<std::size_t>(projection)];
}
inline std::int64_t outputWidth(const ModelConfig& c, int projection) {
  const std::array<std::int64_t, kProjections> widths = {c.queryWidth(), c.keyWidth(),   c.keyWidth(), c.hidden,
                                                         c.intermediate, c.intermediate, c.hidden};
  return widths[static_cast<std::size_t>(projection)];
}

enum class Role : std::uint8_t {
  embedding, head, finalNorm, attentionNorm, mlpNorm, q, k, v, o, qBias, kBias, vBias, qNorm, kNorm, gate, up, down,
};

// A tensor in one of the files; a vector has one row.
struct TensorLocation {
  int file = 0;
  std::int64_t begin = 0;  // absolute byte offset
  Dtype dtype = Dtype::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

struct ModelTensor {
  Role role = Role::embedding;
  std::int64_t layer = 0;
  TensorLocation location;
};

}  // namespace agl
