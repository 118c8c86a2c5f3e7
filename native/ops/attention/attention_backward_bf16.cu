// Gradients of attention over keys and values in bf16, by tensor cores: eight warps, each with sixteen own rows (queries for
// dq, keys for dk and dv), pass over the rows of the other side, 32 at a time. Every operand is rounded to bf16 once, sums
// are f32, in ascending order of the other side's rows:
//   s = own other1', dp = own2 other2'   p = exp(scale s - lse), ds = p (dp - delta) scale where a query sees a key, else +0
//   dq: own q, dout; other k, v   dq += ds k      dk, dv: own k, v; other q, dout   dv += p' dout   dk += ds' q
// In dq numbers of k that are not finite count as zero beside weights: the scores that saw them carry NaN to ds already, and
// queries before them must not.   Dao 2023, arXiv:2307.08691 (fragments of s become operands in registers)
#include "core/elementary.cuh"
#include "ops/attention/attention_backward.cuh"

namespace agl {

namespace {

constexpr int kWarps = 8;
constexpr int kThreads = 32 * kWarps;
constexpr int kOwn = 16 * kWarps;
constexpr int kOther = 32;
constexpr unsigned kWarp = 0xffffffffU;
static_assert(kOwn == AttentionKeyBlock::kRows);

// Rows of D numbers in shared memory, in pieces of 16 bytes. Eight rows' pieces of one column lie in different banks.
template <int D>
struct SharedRows {
  static constexpr int kPieces = D / 8;
  static constexpr bool kSwizzled = kPieces % 8 == 0;
  static constexpr int kPitch = kSwizzled ? kPieces : kPieces + 1;
  static_assert(kSwizzled || kPitch % 2 == 1);
  static constexpr int kRowBytes = 16 * kPitch;

  unsigned char* base;
  __device__ unsigned char* at(int row, int piece) const {
    return base + row * kRowBytes + 16 * (kSwizzled ? piece ^ (row & 7) : piece);
  }
};

// What one step brings of the other side.
template <int D>
struct Stage {
  static constexpr int kNumbers = kOther * 12 + 16;  // bytes
  static constexpr int kBytes = 2 * kOther * SharedRows<D>::kRowBytes + kNumbers;

  SharedRows<D> first, second;
  float2* numbers;           // dk, dv only: lse and delta of the queries
  std::int32_t* positions;   // of the queries, -1 beyond the last
  std::int32_t* keys;        // rows of the block that are seen: from, to, and the position of the block's row 0

  __device__ explicit Stage(unsigned char* base)
      : first{base}, second{base + kOther * SharedRows<D>::kRowBytes},
        numbers(reinterpret_cast<float2*>(base + 2 * kOther * SharedRows<D>::kRowBytes)),
        positions(reinterpret_cast<std::int32_t*>(numbers + kOther)), keys(positions + kOther) {}
};

template <int D>
constexpr std::size_t kSharedBytes = 2 * kOwn * SharedRows<D>::kRowBytes + 2 * Stage<D>::kBytes;

// One row of `count` numbers, or of none; zeros up to D. Threads `part` of `parts` share it.
template <int D>
__device__ void copyRow(const SharedRows<D>& to, int row, const std::uint16_t* from, int count, bool aligned, int part,
                        int parts) {
  for (int piece = part; piece < SharedRows<D>::kPieces; piece += parts) {
    unsigned char* const at = to.at(row, piece);
    if (aligned) {
      const bool inside = 8 * piece < count;
      cuda::copyAsync16(at, from + (inside ? 8 * piece : 0), inside);
    } else {
      for (int i = 0; i < 8; i++) {
        reinterpret_cast<std::uint16_t*>(at)[i] = 8 * piece + i < count ? from[8 * piece + i] : std::uint16_t{0};
      }
    }
  }
}

// Keys or values of one kv head.
struct KeyRows {
  const std::uint16_t* data;
  std::int64_t stride;
  int headSize;
  bool aligned;  // rows begin at 16 bytes and are whole pieces

  // The row of `slot`, zeros where it is negative.
  template <int D>
  __device__ void copy(const SharedRows<D>& to, int row, std::int32_t slot, int part, int parts) const {
    copyRow(to, row, data + (slot < 0 ? 0 : slot * stride), slot < 0 ? 0 : headSize, aligned, part, parts);
  }
};

// s and dp (this warp's 16 rows, kTiles fragments of 8 columns from `begin` on) = own1 other1', own2 other2', d ascending.
template <int D, int kTiles>
__device__ void scoreProducts(float (&s)[kTiles][4], float (&dp)[kTiles][4], const SharedRows<D>& own1,
                              const SharedRows<D>& own2, const Stage<D>& other, int begin) {
  const int lane = static_cast<int>(threadIdx.x) % 32, row = static_cast<int>(threadIdx.x) / 32 * 16 + lane % 16;
#pragma unroll
  for (int n = 0; n < kTiles; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] = dp[n][e] = 0.0F;
  }
#pragma unroll
  for (int step = 0; step < D / 16; step++) {
    std::uint32_t a1[4], a2[4];
    cuda::loadMatrix4(a1, own1.at(row, 2 * step + lane / 16));
    cuda::loadMatrix4(a2, own2.at(row, 2 * step + lane / 16));
#pragma unroll
    for (int n = 0; n < kTiles; n += 2) {
      const int column = begin + 8 * n + lane % 8 + lane / 16 * 8, piece = 2 * step + lane / 8 % 2;
      std::uint32_t b[4];
      cuda::loadMatrix4(b, other.first.at(column, piece));
      cuda::mma16816(s[n], a1, {b[0], b[1]});
      cuda::mma16816(s[n + 1], a1, {b[2], b[3]});
      cuda::loadMatrix4(b, other.second.at(column, piece));
      cuda::mma16816(dp[n], a2, {b[0], b[1]});
      cuda::mma16816(dp[n + 1], a2, {b[2], b[3]});
    }
  }
}

// Fragments of an accumulator as operand A of a product over its columns.
template <int kTiles>
__device__ void toOperand(std::uint32_t (&a)[kTiles / 2][4], const float (&c)[kTiles][4]) {
#pragma unroll
  for (int step = 0; step < kTiles / 2; step++) {
    a[step][0] = cuda::packBf16(c[2 * step][0], c[2 * step][1]);
    a[step][1] = cuda::packBf16(c[2 * step][2], c[2 * step][3]);
    a[step][2] = cuda::packBf16(c[2 * step + 1][0], c[2 * step + 1][1]);
    a[step][3] = cuda::packBf16(c[2 * step + 1][2], c[2 * step + 1][3]);
  }
}

// Two bf16 with zero where one is not finite.
__device__ inline std::uint32_t finitePair(std::uint32_t pair) {
  if ((pair & 0x7f80U) == 0x7f80U) pair &= 0xffff0000U;
  if ((pair & 0x7f800000U) == 0x7f800000U) pair &= 0xffffU;
  return pair;
}

// sums (16 x D) += a (16 x 16 kSteps) rows from `begin` on.
template <bool finiteOnly, int D, int kSteps>
__device__ void addProduct(float (&sums)[D / 8][4], const std::uint32_t (&a)[kSteps][4], const SharedRows<D>& rows,
                           int begin) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
#pragma unroll
    for (int n = 0; n < D / 8; n += 2) {
      std::uint32_t b[4];
      cuda::loadMatrix4Transposed(b, rows.at(begin + 16 * step + lane % 16, n + lane / 16));
      if constexpr (finiteOnly) {
#pragma unroll
        for (int i = 0; i < 4; i++) b[i] = finitePair(b[i]);
      }
      cuda::mma16816(sums[n], a[step], {b[0], b[1]});
      cuda::mma16816(sums[n + 1], a[step], {b[2], b[3]});
    }
  }
}

// Adds rows of sums to memory: this lane's rows are `top` and `bottom`, null where there is none.
template <int D>
__device__ void addRows(float* top, float* bottom, const float (&sums)[D / 8][4], int headSize) {
  const int column = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int n = 0; n < D / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      float* const row = e < 2 ? top : bottom;
      const int d = 8 * n + column + e % 2;
      if (row != nullptr && d < headSize) row[d] = __fadd_rn(row[d], sums[n][e]);
    }
  }
}

__device__ inline float weightOf(float s, float scale, float lse) { return cuda::exp(__fadd_rn(__fmul_rn(s, scale), -lse)); }
__device__ inline float gradientOf(float weight, float dp, float scale, float delta) {
  return __fmul_rn(__fmul_rn(weight, __fadd_rn(dp, -delta)), scale);
}

template <int D>
__global__ void __launch_bounds__(kThreads)
    queryGradients(float* dq, std::int64_t dqStride, const std::uint16_t* dout, const std::uint16_t* q,
                   const float2* numbers, const std::uint16_t* k, std::int64_t kStride, const std::uint16_t* v,
                   std::int64_t vStride, const AttentionTile* tiles, const KeyRun* runs, const std::int32_t* rowsBefore,
                   AttentionGradientSizes sizes, bool aligned) {
  const QueryBlock block = queryBlock(kOwn, tiles, rowsBefore, sizes);
  if (block.count <= 0) return;
  const std::int64_t kvHead = blockIdx.y;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const SharedRows<D> ownQ = {cuda::sharedMemory()}, ownDout = {ownQ.base + kOwn * SharedRows<D>::kRowBytes};
  unsigned char* const stages = ownDout.base + kOwn * SharedRows<D>::kRowBytes;
  const std::int64_t query = std::int64_t{block.tile.row} * sizes.group + block.first;
  for (int row = thread / 8; row < kOwn; row += kThreads / 8) {
    const std::int64_t from = (kvHead * sizes.queries + query + (row < block.count ? row : 0)) * D;
    copyRow(ownQ, row, q + from, row < block.count ? D : 0, true, thread % 8, 8);
    copyRow(ownDout, row, dout + from, row < block.count ? D : 0, true, thread % 8, 8);
  }
  const auto positionOf = [&](int row) { return block.tile.position + (block.first + row) / sizes.group; };
  const int last = positionOf(block.count - 1);
  // This lane's rows of the fragments.
  float2 own[2];
  int position[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = 16 * warp + lane / 4 + 8 * half;
    position[half] = row < block.count ? positionOf(row) : -1;
    own[half] = row < block.count ? numbers[kvHead * sizes.queries + query + row] : make_float2(0.0F, 0.0F);
  }
  const int lastOfWarp = 16 * warp < block.count ? positionOf(atMost(16 * warp + 16, block.count) - 1) : -1;

  const KeyRows keys = {k + kvHead * sizes.headSize, kStride, sizes.headSize, aligned};
  const KeyRows values = {v + kvHead * sizes.headSize, vStride, sizes.headSize, aligned};
  SlotCursor cursor = {runs + block.tile.firstRun, 0};
  const auto fetch = [&](int begin) {
    const Stage<D> to(stages + begin / kOther % 2 * Stage<D>::kBytes);
    const int row = thread / 8;
    const std::int32_t slot = begin + row <= last ? cursor.slotAt(begin + row) : -1;
    keys.copy(to.first, row, slot, thread % 8, 8);
    values.copy(to.second, row, slot, thread % 8, 8);
    cuda::copyAsyncCommit();
  };
  float sums[D / 8][4] = {};
  fetch(0);
  for (int begin = 0; begin <= last; begin += kOther) {
    if (begin + kOther <= last) {
      fetch(begin + kOther);
      cuda::copyAsyncWait<1>();
    } else {
      cuda::copyAsyncWait<0>();
    }
    __syncthreads();
    if (begin <= lastOfWarp) {
      const Stage<D> other(stages + begin / kOther % 2 * Stage<D>::kBytes);
      constexpr int kTiles = kOther / 8;
      float s[kTiles][4], ds[kTiles][4];
      scoreProducts(s, ds, ownQ, ownDout, other, 0);
      bool finite = true;
#pragma unroll
      for (int n = 0; n < kTiles; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const int key = begin + 8 * n + lane % 4 * 2 + e % 2;
          finite = finite && s[n][e] - s[n][e] == 0.0F;
          const float weight = weightOf(s[n][e], sizes.scale, own[e / 2].x);
          const float gradient = gradientOf(weight, ds[n][e], sizes.scale, own[e / 2].y);
          ds[n][e] = key <= position[e / 2] ? gradient : 0.0F;
        }
      }
      std::uint32_t a[kTiles / 2][4];
      toOperand(a, ds);
      if (__any_sync(kWarp, !finite)) {
        addProduct<true>(sums, a, other.first, 0);
      } else {
        addProduct<false>(sums, a, other.first, 0);
      }
    }
    __syncthreads();
  }
  const auto rowOf = [&](int half) -> float* {
    const int row = 16 * warp + lane / 4 + 8 * half;
    if (row >= block.count) return nullptr;
    return dq + (query + row) / sizes.group * dqStride + (kvHead * sizes.group + (query + row) % sizes.group) * sizes.headSize;
  };
  addRows<D>(rowOf(0), rowOf(1), sums, sizes.headSize);
}

// Takes columns [begin, begin + 8 kTiles) of a stage into dk and dv; this lane's keys are at positions `position`.
template <int D, int kTiles>
__device__ void addKeys(float (&sumsK)[D / 8][4], float (&sumsV)[D / 8][4], const SharedRows<D>& ownK,
                        const SharedRows<D>& ownV, const Stage<D>& other, const int (&position)[2], float scale, int begin) {
  float p[kTiles][4], ds[kTiles][4];
  scoreProducts(p, ds, ownK, ownV, other, begin);
#pragma unroll
  for (int n = 0; n < kTiles; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const int column = begin + 8 * n + static_cast<int>(threadIdx.x) % 4 * 2 + e % 2;
      const float2 query = other.numbers[column];
      const bool visible = position[e / 2] <= other.positions[column];
      const float weight = weightOf(p[n][e], scale, query.x);
      const float gradient = gradientOf(weight, ds[n][e], scale, query.y);
      p[n][e] = visible ? weight : 0.0F;
      ds[n][e] = visible ? gradient : 0.0F;
    }
  }
  std::uint32_t a[kTiles / 2][4];
  toOperand(a, p);
  addProduct<false>(sumsV, a, other.second, begin);
  toOperand(a, ds);
  addProduct<false>(sumsK, a, other.first, begin);
}

template <int D>
__global__ void __launch_bounds__(kThreads)
    keyGradients(float* dk, std::int64_t dkStride, float* dv, std::int64_t dvStride, const std::uint16_t* dout,
                 const std::uint16_t* q, const float2* numbers, const std::uint16_t* k, std::int64_t kStride,
                 const std::uint16_t* v, std::int64_t vStride, const AttentionTile* tiles,
                 const AttentionKeyBlock* blocks, const AttentionVisit* visits, AttentionGradientSizes sizes, bool aligned) {
  const AttentionKeyBlock block = blocks[blockIdx.x];
  const std::int64_t kvHead = blockIdx.y;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const SharedRows<D> ownK = {cuda::sharedMemory()}, ownV = {ownK.base + kOwn * SharedRows<D>::kRowBytes};
  unsigned char* const stages = ownV.base + kOwn * SharedRows<D>::kRowBytes;
  const KeyRows keys = {k + kvHead * sizes.headSize, kStride, sizes.headSize, aligned};
  const KeyRows values = {v + kvHead * sizes.headSize, vStride, sizes.headSize, aligned};
  for (int row = thread / 8; row < kOwn; row += kThreads / 8) {
    const std::int32_t slot = row < block.rows ? block.slot + row : -1;
    keys.copy(ownK, row, slot, thread % 8, 8);
    values.copy(ownV, row, slot, thread % 8, 8);
  }
  QueryWalk walk(block, visits, tiles, sizes, kOther);
  const auto fetch = [&](int stage) {
    const Stage<D> to(stages + stage * Stage<D>::kBytes);
    const int row = thread / 8;
    const bool present = row < walk.count;
    const std::int64_t query = kvHead * sizes.queries + walk.number(present ? row : 0);
    copyRow(to.first, row, q + query * D, present ? D : 0, true, thread % 8, 8);
    copyRow(to.second, row, dout + query * D, present ? D : 0, true, thread % 8, 8);
    if (thread % 8 == 0) {
      to.numbers[row] = present ? numbers[query] : make_float2(0.0F, 0.0F);
      to.positions[row] = walk.position(row);
    }
    if (thread == 0) {
      to.keys[0] = walk.seen.first;
      to.keys[1] = walk.seen.first + walk.seen.count;
      to.keys[2] = walk.seen.position - walk.seen.first;
      to.keys[3] = walk.position(walk.count - 1);
    }
    cuda::copyAsyncCommit();
    walk.next();
  };
  float sumsK[D / 8][4] = {}, sumsV[D / 8][4] = {};
  fetch(0);
  for (int stage = 0, more = 1; more != 0; stage ^= 1) {
    more = walk.done() ? 0 : 1;
    if (more != 0) {
      fetch(stage ^ 1);
      cuda::copyAsyncWait<1>();
    } else {
      cuda::copyAsyncWait<0>();
    }
    __syncthreads();
    const Stage<D> other(stages + stage * Stage<D>::kBytes);
    int position[2];  // of this lane's keys
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = 16 * warp + lane / 4 + 8 * half;
      position[half] = row >= other.keys[0] && row < other.keys[1] ? other.keys[2] + row : INT_MAX;
    }
    if (__any_sync(kWarp, position[0] <= other.keys[3] || position[1] <= other.keys[3])) {
      constexpr int kTiles = D > 96 ? 2 : 4;  // more spill
#pragma unroll 1
      for (int begin = 0; begin < kOther; begin += 8 * kTiles) {
        addKeys<D, kTiles>(sumsK, sumsV, ownK, ownV, other, position, sizes.scale, begin);
      }
    }
    __syncthreads();
  }
  const auto rowOf = [&](float* base, std::int64_t stride, int half) -> float* {
    const int row = 16 * warp + lane / 4 + 8 * half;
    return row < block.rows ? base + std::int64_t{block.slot + row} * stride + kvHead * sizes.headSize : nullptr;
  };
  addRows<D>(rowOf(dk, dkStride, 0), rowOf(dk, dkStride, 1), sumsK, sizes.headSize);
  addRows<D>(rowOf(dv, dvStride, 0), rowOf(dv, dvStride, 1), sumsV, sizes.headSize);
}

const std::uint16_t* bf16(View view) { return static_cast<const std::uint16_t*>(view.data); }

bool isAligned(View view, std::int64_t headSize) {
  return reinterpret_cast<std::uintptr_t>(view.data) % 16 == 0 && view.stride % 8 == 0 && headSize % 8 == 0;
}

template <int D>
void launchAll(CudaDevice& device, const AttentionGradients& g) {
  const AttentionOnDevice::Backward& plan = g.plan;
  const bool aligned = isAligned(g.k, g.sizes.headSize) && isAligned(g.v, g.sizes.headSize);
  cuda::launch(device, "attention.backward", dim3(g.queryBlocks(kOwn), g.kvHeads), dim3(kThreads), kSharedBytes<D>,
               queryGradients<D>, g.dq.f32(), g.dq.stride, g.doutBf16, g.qBf16, g.numbers, bf16(g.k), g.k.stride,
               bf16(g.v), g.v.stride, plan.tiles, plan.runs, plan.rowsBefore, g.sizes, aligned);
  cuda::launch(device, "attention.backward", dim3(static_cast<std::uint32_t>(plan.keyBlockCount), g.kvHeads),
               dim3(kThreads), kSharedBytes<D>, keyGradients<D>, g.dk.f32(), g.dk.stride, g.dv.f32(), g.dv.stride, g.doutBf16,
               g.qBf16, g.numbers, bf16(g.k), g.k.stride, bf16(g.v), g.v.stride, plan.tiles, plan.keyBlocks, plan.visits,
               g.sizes, aligned);
}

}  // namespace

void attentionGradientsBf16(CudaDevice& device, const AttentionGradients& g) {
  switch (g.padded) {
    case 64: return launchAll<64>(device, g);
    case 80: return launchAll<80>(device, g);
    case 96: return launchAll<96>(device, g);
    default: return launchAll<128>(device, g);
  }
}

}  // namespace agl
