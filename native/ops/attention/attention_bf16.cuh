// One block of attention's forward over keys and values in bf16: shared memory, the gathering of a chunk, and both products
// on tensor cores. Four warps; of a chunk's scores a warp has sixteen queries and 128 / W keys, of its weighted values
// the same queries and every W-th sixteen columns.
//   W = 1   64 queries, weights stay in registers           W = 4   16 queries, weights pass through shared memory
// Both give the same bits: a number's products are added in the same order, and a sum's four lanes (the fragment's) are
//   chains over the keys of a quarter of the chunk, added quarter by quarter, then lanes 1 and 2 apart.
#pragma once

#include "ops/attention/attention_device.cuh"

namespace agl::cuda::attention {

constexpr int kThreads = kAttentionChunk;  // one key each
constexpr int kWarps = kThreads / 32;
constexpr int kQuarters = 4;
constexpr int kSteps = kAttentionChunk / 16;  // of the product with the values
constexpr int kPiece = 8;                     // bf16 of a 16-byte copy

struct alignas(16) Piece {
  std::uint32_t pairs[kPiece / 2];
};

__device__ __forceinline__ int threadOfBlock() { return static_cast<int>(threadIdx.x); }
__device__ __forceinline__ int lane() { return threadOfBlock() % 32; }
__device__ __forceinline__ int warp() { return threadOfBlock() / 32; }

// D is the head size rounded up; columns beyond it are zero. A row is an odd number of pieces, so that eight consecutive
// rows meet no bank twice.
template <int D, int W>
struct Shared {
  static constexpr int kWidth = D;
  static constexpr int kKeyWarps = W;
  static constexpr int kQueries = 16 * kWarps / W;
  static constexpr int kPieces = D / kPiece;
  static_assert(kPieces % 2 == 0);

  Piece keys[kAttentionChunk][kPieces + 1];
  Piece values[kAttentionChunk][kPieces + 1];
  Piece queries[kQueries][kPieces + 1];
  // Between the warps that share queries.
  Piece weights[W == 1 ? 1 : 16][kAttentionChunk / kPiece + 1];
  float maximum[W][16];
  float sums[W][16][4];
  int slots[2][kAttentionChunk];  // of this chunk and the next
  int notFinite;                  // a value is infinite or NaN
};

// Where rows of k or v lie: `base` is slot 0's for this kv head; `whole` where 16-byte copies may read them.
struct Rows {
  const std::uint16_t* base;
  std::int64_t stride;
  int headSize;
  bool whole;
};

// Eight numbers, number(i) each.
template <class Number>
__device__ __forceinline__ Piece pieceOf(Number number) {
  Piece piece;
#pragma unroll
  for (int i = 0; i < kPiece / 2; i++) {
    piece.pairs[i] = static_cast<std::uint32_t>(number(2 * i)) | static_cast<std::uint32_t>(number(2 * i + 1)) << 16;
  }
  return piece;
}

// Calls visit(row, piece) for those that this thread has of `rows` rows.
template <int kPieces, class Visit>
__device__ __forceinline__ void forEachPiece(int rows, Visit visit) {
#pragma unroll 4
  for (int i = threadOfBlock(); i < rows * kPieces; i += kThreads) visit(i / kPieces, i % kPieces);
}

// The first `count` rows of the chunk, the others zero. Arrives at this thread's wait, at once where not `whole`.
template <int kPieces>
__device__ __forceinline__ void gather(Piece (&to)[kAttentionChunk][kPieces + 1], const Rows& from, const int* slots,
                                       int count) {
  forEachPiece<kPieces>(kAttentionChunk, [&](int key, int piece) {
    const bool present = key < count;
    const std::uint16_t* row = from.base + (present ? slots[key] * from.stride : 0);
    const int d = piece * kPiece;
    if (from.whole) {
      const bool valid = present && d < from.headSize;
      copyAsync16(&to[key][piece], row + (valid ? d : 0), valid);
    } else {
      to[key][piece] = pieceOf([&](int i) {
        return present && d + i < from.headSize ? row[d + i] : std::uint16_t{0};
      });
    }
  });
}

// Whether a value that this thread copied is infinite or NaN.
template <class S>
__device__ __forceinline__ bool copiedNotFinite(const S& s) {
  constexpr std::uint32_t low = 0x7f80U, high = low << 16;
  bool found = false;
  forEachPiece<S::kPieces>(kAttentionChunk, [&](int key, int piece) {
    for (const std::uint32_t pair : s.values[key][piece].pairs) found = found || (pair & low) == low || (pair & high) == high;
  });
  return found;
}

// The queries, rounded; zero where there is none.
template <class S>
__device__ __forceinline__ void loadQueries(S& s, const float* q, const AttentionQueries& queries,
                                            const AttentionSizes& sizes) {
  forEachPiece<S::kPieces>(S::kQueries, [&](int query, int piece) {
    const int pair = atMost(query, queries.count - 1);
    const float* row = q + queries.row(pair) * sizes.q + queries.head(pair) * sizes.headSize;
    s.queries[query][piece] = pieceOf([&](int i) {
      const int d = piece * kPiece + i;
      return query < queries.count && d < sizes.headSize ? toBf16(row[d]) : std::uint16_t{0};
    });
  });
}

// This warp's part of q k: tile n has keys 8 n to 8 n + 7 of it.
template <class S, int kTiles>
__device__ __forceinline__ void scores(float (&p)[kTiles][4], const S& s) {
  const int queries = S::kKeyWarps == 1 ? 16 * warp() : 0;
  const int keys = S::kKeyWarps == 1 ? 0 : kTiles * 8 * warp();
#pragma unroll
  for (int n = 0; n < kTiles; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) p[n][i] = 0.0F;
  }
#pragma unroll
  for (int d = 0; d < S::kWidth; d += 16) {
    std::uint32_t a[4];
    loadMatrix4(a, &s.queries[queries + lane() % 16][d / kPiece + lane() / 16]);
#pragma unroll
    for (int n = 0; n < kTiles; n += 2) {
      std::uint32_t b[4];
      loadMatrix4(b, &s.keys[keys + 8 * n + lane() / 16 * 8 + lane() % 8][d / kPiece + lane() / 8 % 2]);
      const std::uint32_t even[2] = {b[0], b[1]}, odd[2] = {b[2], b[3]};
      mma16816(p[n], a, even);
      mma16816(p[n + 1], a, odd);
    }
  }
}

// The weights of keys 16 k to 16 k + 15 as the product's operand.
template <class S, int kTiles>
__device__ __forceinline__ void weightsOf(std::uint32_t (&a)[4], const std::uint32_t (&own)[kTiles][2], const S& s, int k) {
  if constexpr (S::kKeyWarps == 1) {
    a[0] = own[2 * k][0];
    a[1] = own[2 * k][1];
    a[2] = own[2 * k + 1][0];
    a[3] = own[2 * k + 1][1];
  } else {
    loadMatrix4(a, &s.weights[lane() % 16][2 * k + lane() / 16]);
  }
}

// A pair of values of keys `key` and the next, without those from `end` on.
__device__ __forceinline__ std::uint32_t before(std::uint32_t pair, int key, int end) {
  return key + 1 < end ? pair : key < end ? pair & 0xffffU : 0U;
}

// o = weights v at columns [d, d + 16), from zero; values of keys from `end` on count as zero.
template <class S, int kTiles>
__device__ __forceinline__ void weighValues(float (&o)[2][4], const std::uint32_t (&weights)[kTiles][2], const S& s, int d,
                                            int end) {
#pragma unroll
  for (int i = 0; i < 4; i++) o[0][i] = o[1][i] = 0.0F;
#pragma unroll
  for (int k = 0; k < kSteps; k++) {
    std::uint32_t a[4], b[4];
    weightsOf(a, weights, s, k);
    loadMatrix4Transposed(b, &s.values[16 * k + lane() % 16][d / kPiece + lane() / 16]);
    if (end < kAttentionChunk) {
      const int key = 16 * k + lane() % 4 * 2;
#pragma unroll
      for (int i = 0; i < 4; i++) b[i] = before(b[i], key + i % 2 * 8, end);
    }
    const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
    mma16816(o[0], a, left);
    mma16816(o[1], a, right);
  }
}

// The largest of both rows over the four lanes that hold them, or the sum.
__device__ __forceinline__ float largestOfFour(float maximum) {
  for (int by = 1; by <= 2; by *= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, maximum, by);
    maximum = maximum > other ? maximum : other;
  }
  return maximum;
}
__device__ __forceinline__ float sumOfFour(float sum) {
  for (int by = 1; by <= 2; by *= 2) sum = __fadd_rn(sum, __shfl_xor_sync(0xffffffffU, sum, by));
  return sum;
}

// Scores become weights, rounded in `weights`; row h of the thread sees `keys[h]` of the chunk. Sums are whole after
// sumOfQuarters, behind a barrier.
template <class S, int kTiles>
__device__ __forceinline__ void softmax(std::uint32_t (&weights)[kTiles][2], float (&maximum)[2], float (&sum)[2],
                                        float (&p)[kTiles][4], const int (&keys)[2], float scale, S& s) {
  constexpr int quarterTiles = kAttentionChunk / kQuarters / 8;
  const int firstKey = (S::kKeyWarps == 1 ? 0 : kTiles * 8 * warp()) + lane() % 4 * 2;
  maximum[0] = maximum[1] = kUnseen;
#pragma unroll
  for (int n = 0; n < kTiles; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      p[n][i] = firstKey + 8 * n + i % 2 < keys[i / 2] ? __fmul_rn(p[n][i], scale) : kUnseen;
      maximum[i / 2] = maximum[i / 2] > p[n][i] ? maximum[i / 2] : p[n][i];
    }
  }
#pragma unroll
  for (int h = 0; h < 2; h++) maximum[h] = largestOfFour(maximum[h]);
  if constexpr (S::kKeyWarps > 1) {
    const int row = lane() / 4;
    if (lane() % 4 == 0) {
      s.maximum[warp()][row] = maximum[0];
      s.maximum[warp()][row + 8] = maximum[1];
    }
    __syncthreads();
#pragma unroll
    for (int h = 0; h < 2; h++) {
      for (int w = 0; w < S::kKeyWarps; w++) {
        const float other = s.maximum[w][row + 8 * h];
        maximum[h] = maximum[h] > other ? maximum[h] : other;
      }
    }
  }
  float quarter[2] = {};
#pragma unroll
  for (int n = 0; n < kTiles; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      p[n][i] = exp(__fadd_rn(p[n][i], -maximum[i / 2]));
      quarter[i / 2] = __fadd_rn(quarter[i / 2], p[n][i]);
    }
    weights[n][0] = packBf16(p[n][0], p[n][1]);
    weights[n][1] = packBf16(p[n][2], p[n][3]);
    if (n % quarterTiles == quarterTiles - 1) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        sum[h] = n < quarterTiles ? quarter[h] : __fadd_rn(sum[h], quarter[h]);
        quarter[h] = 0.0F;
      }
    }
  }
}

// Where warps share queries: the weights and sums of this one for the others.
template <class S, int kTiles>
__device__ __forceinline__ void shareWeights(S& s, const std::uint32_t (&weights)[kTiles][2], const float (&sum)[2]) {
  const int row = lane() / 4, column = lane() % 4;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    s.sums[warp()][row + 8 * h][column] = sum[h];
#pragma unroll
    for (int n = 0; n < kTiles; n++) {
      s.weights[row + 8 * h][kTiles * warp() + n].pairs[column] = weights[n][h];
    }
  }
}

template <class S>
__device__ __forceinline__ void sumOfQuarters(float (&sum)[2], const S& s) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if constexpr (S::kKeyWarps > 1) {
      sum[h] = s.sums[0][lane() / 4 + 8 * h][lane() % 4];
#pragma unroll
      for (int w = 1; w < S::kKeyWarps; w++) sum[h] = __fadd_rn(sum[h], s.sums[w][lane() / 4 + 8 * h][lane() % 4]);
    }
    sum[h] = sumOfFour(sum[h]);
  }
}

}  // namespace agl::cuda::attention
