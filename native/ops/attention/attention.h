// Causal attention of grouped query heads over keys that lie in pieces.   Dao et al. 2022, arXiv:2205.14135; Ainslie et
// al. 2023, arXiv:2305.13245
//   scores  s[j] = scale (q . k[j])              one chain over d ascending from +0, then one product
//   chunk c is positions 128c .. 128c+127. For a query at position p, the keys of chunk c are its positions <= p:
//     m = max s[j]      e[j] = exp(s[j] - m)     sum = e in 16 lanes (lane = j mod 16, ascending), then one fixed tree
//     o[d] = chain over valid j ascending of fma(e[j], v[j,d], o[d]) from +0
//   A chunk's partial (m, sum, o) depends on the query and that chunk's keys alone. Partials merge in ascending order
//   by one function: M = max(m, m'), o = o exp(m - M) + o' exp(m' - M) (two products, one sum), the same for sum.
//   out = o / sum        lse = m + log(sum)
// Keys and values in bf16 (both or none) make the two products bf16 sums (linear.h) over d and over the chunk's j: q is
// rounded, and e[j] after the sum has taken it; everything else stays f32. Gradients are f32 products of the same rounded
// q, k and v.
// On a CUDA device f32 has the CPU's bits. In bf16 its products are tensor cores' over d and over all 128 j in steps of 16,
// from zero, where a j that a query does not see has weight 0; a sum has 4 lanes (lane = j / 2 mod 4), each a chain over
// every quarter of the chunk, added in ascending order, then lanes 0 and 1, 2 and 3, and both.
// Gradients, with p[j] = exp(s[j] - lse), delta = sum_d dout[d] out[d]:
//   dv[j] += p[j] dout      ds[j] = p[j] (dout . v[j] - delta) scale      dq += sum_j ds[j] k[j]      dk[j] += ds[j] q
//   summed over the heads of a group and over queries in the order of the tiles.
// On a CUDA device, keys in bf16 make all five products tensor cores': dout, p and ds are rounded, too, sums are f32.
// q, out, dq, dout (R, heads D); lse (R, heads); k, v, dk, dv (slots, kvHeads D), all f32 but k and v. Query head h reads kv head
// h / (heads / kvHeads).
// Memory of slots that no run names, or beyond a query's position, is never used, whatever it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/view.h"
#include "ops/attention/attention_on_device.h"
#include "ops/context.h"

namespace agl {

// `count` consecutive positions whose keys lie in consecutive rows of k and v, from row `slot`.
struct KeyRun {
  std::int32_t slot;
  std::int32_t count;
};

// Queries: rows [row, row + rows) of q at positions position, position + 1, ... of one sequence. Their keys: runs
// [firstRun, firstRun + runs), position 0 upward, covering at least positions 0 .. position + rows - 1.
struct AttentionTile {
  std::int32_t row;
  std::int32_t rows;
  std::int32_t position;
  std::int32_t firstRun;
  std::int32_t runs;
};

struct AttentionShape {
  std::int64_t heads;
  std::int64_t kvHeads;
  std::int64_t headSize;
  float scale;
};

// The queries and keys of one pass.
struct AttentionWork {
  std::span<const AttentionTile> tiles;  // on the host
  std::span<const KeyRun> runs;          // likewise
  AttentionOnDevice device = {};         // filled by prepare
};

struct Attention {
  static constexpr std::int64_t kChunk = 128;
  // A tile's rows at most, for the work to divide well; longer ones are split.
  static constexpr std::int64_t kTileRows = 32;

  // Once for each pass, after Device::beginStage; `withBackward` where a backward may follow.
  void (*prepare)(Context&, AttentionWork& work, bool withBackward);
  // lse.data may be null where no backward follows.
  void (*forward)(Context&, View out, View lse, View q, View k, View v, const AttentionWork& work, AttentionShape shape);
  void (*backward)(Context&, View dq, View dk, View dv, View dout, View out, View lse, View q, View k, View v,
                   const AttentionWork& work, AttentionShape shape);
};

// Private memory that each worker of the pool needs.
std::size_t attentionScratchBytes(const AttentionShape& shape);
// What forward takes of a CUDA device's workspace at most, and backward for `rows` rows of queries.
std::size_t attentionForwardScratchBytes(const AttentionShape& shape);
std::size_t attentionBackwardScratchBytes(std::int64_t rows, const AttentionShape& shape, Dtype keys);

// --- internal ---

// A tile's rows whose queries share a task, and in f32 one sum in dk and dv: a function of the shape alone.
std::int64_t attentionTaskRows(const AttentionShape& shape);

extern const Attention kCpuAttention;
extern const Attention kCudaAttention;

}  // namespace agl
