// Token embedding.
//   forward   x[r] = e[token[r]]                from rows in f32, bf16 or f16, or from the packed head when both are one matrix
//   backward  de[token[r]] += dx[r]             r ascending
// x, dx (R,C); e, de (V,C).
#pragma once

#include <cstdint>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct Embedding {
  void (*forward)(Context&, View x, View e, const std::int32_t* tokens);
  void (*forwardPacked)(Context&, View x, Packed e, const std::int32_t* tokens);
  void (*backward)(Context&, View de, View dx, const std::int32_t* tokens);
};

// --- internal ---

extern const Embedding kCpuEmbedding;
extern const Embedding kCudaEmbedding;

}  // namespace agl
