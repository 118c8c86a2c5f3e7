// Gradients of attention in f32: the chains of the CPU's kernels, number for number and in their order (attention.h,
// attention_backward.lanes.h), a thread for each eighth of a row.
#include "core/elementary.cuh"
#include "ops/attention/attention_backward.cuh"

namespace agl {

namespace {

constexpr int kOwn = 16;    // rows of a block: queries for dq, keys for dk and dv
constexpr int kOther = 32;  // rows of the other side that shared memory holds at a time
constexpr int kAcross = 8;  // threads of an own row
constexpr int kThreads = kOwn * kAcross;
constexpr int kPerThread = kOther / kAcross;  // scores of a thread
constexpr int kColumns = 16;                  // of dq, dk and dv of a thread; blockIdx.z counts blocks of kBlockColumns
constexpr int kBlockColumns = kColumns * kAcross;
constexpr int kWeights = kOther + 1;          // from one row of p or ds to the next

// q and dout of one side's rows in the first and second matrix, k and v of the other's; p, ds [own][other].
struct Shared {
  int pitch;
  float *own1, *own2, *other1, *other2, *p, *ds;
  std::int32_t* slots;  // or positions, of the others
  float2* numbers;

  __device__ explicit Shared(int headSize) : pitch(headSize | 1) {
    numbers = reinterpret_cast<float2*>(cuda::sharedMemory());
    slots = reinterpret_cast<std::int32_t*>(numbers + kOther);
    p = reinterpret_cast<float*>(slots + kOther);
    ds = p + kOwn * kWeights;
    own1 = ds + kOwn * kWeights;
    own2 = own1 + kOwn * pitch;
    other1 = own2 + kOwn * pitch;
    other2 = other1 + kOther * pitch;
  }
};

std::size_t sharedBytes(std::int64_t headSize) {
  const std::int64_t rows = 2 * (kOwn + kOther) * (headSize | 1), weights = 2 * kOwn * kWeights;
  return sizeof(float) * static_cast<std::size_t>(rows + weights + 3 * kOther);
}

// Rows r of `count` from rowOf(r), zeros where that is null.
template <class RowOf>
__device__ void loadRows(float* to, int pitch, int count, int headSize, RowOf rowOf) {
  for (int r = static_cast<int>(threadIdx.x) / kAcross; r < count; r += kOwn) {
    const float* from = rowOf(r);
    for (int d = static_cast<int>(threadIdx.x) % kAcross; d < headSize; d += kAcross) {
      to[r * pitch + d] = from == nullptr ? 0.0F : from[d];
    }
  }
}

// s and dp of own row `row` with the others `across`, `across` + 8, ...
__device__ void products(float (&s)[kPerThread], float (&dp)[kPerThread], const Shared& m, int headSize, int row,
                         int across) {
#pragma unroll
  for (int i = 0; i < kPerThread; i++) s[i] = dp[i] = 0.0F;
  for (int d = 0; d < headSize; d++) {
    const float own1 = m.own1[row * m.pitch + d], own2 = m.own2[row * m.pitch + d];
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const int at = (across + kAcross * i) * m.pitch + d;
      s[i] = __fmaf_rn(own1, m.other1[at], s[i]);
      dp[i] = __fmaf_rn(own2, m.other2[at], dp[i]);
    }
  }
}

__device__ float weightOf(float s, float scale, float2 numbers) {
  return cuda::exp(__fadd_rn(__fmul_rn(s, scale), -numbers.x));
}
__device__ float gradientOf(float weight, float dp, float scale, float2 numbers) {
  return __fmul_rn(__fmul_rn(weight, __fadd_rn(dp, -numbers.y)), scale);
}

// Calls visit(i, d) for this thread's columns d.
template <class Visit>
__device__ void forEachColumn(int headSize, Visit visit) {
  const int first = static_cast<int>(blockIdx.z) * kBlockColumns + static_cast<int>(threadIdx.x) % kAcross;
#pragma unroll
  for (int i = 0; i < kColumns; i++) {
    if (first + kAcross * i < headSize) visit(i, first + kAcross * i);
  }
}

__device__ void addRow(float (&sums)[kColumns], float weight, const float* numbers, int headSize) {
  forEachColumn(headSize, [&](int i, int d) { sums[i] = __fmaf_rn(weight, numbers[d], sums[i]); });
}

__global__ void __launch_bounds__(kThreads)
    queryGradients(float* dq, std::int64_t dqStride, const float* dout, std::int64_t doutStride, const float* q,
                   std::int64_t qStride, const float* k, std::int64_t kStride, const float* v, std::int64_t vStride,
                   const float2* numbers, const AttentionTile* tiles, const KeyRun* runs, const std::int32_t* rowsBefore,
                   AttentionGradientSizes sizes) {
  const QueryBlock block = queryBlock(kOwn, tiles, rowsBefore, sizes);
  if (block.count <= 0) return;
  const Shared m(sizes.headSize);
  const int row = static_cast<int>(threadIdx.x) / kAcross, across = static_cast<int>(threadIdx.x) % kAcross;
  const std::int64_t kvHead = blockIdx.y;
  const auto queryRow = [&](auto* base, std::int64_t stride, int i) {
    const std::int64_t query = block.first + i;
    return base + (block.tile.row + query / sizes.group) * stride +
           (kvHead * sizes.group + query % sizes.group) * sizes.headSize;
  };
  const auto present = [&](const float* base, std::int64_t stride) {
    return [&, base, stride](int i) { return i < block.count ? queryRow(base, stride, i) : nullptr; };
  };
  loadRows(m.own1, m.pitch, kOwn, sizes.headSize, present(q, qStride));
  loadRows(m.own2, m.pitch, kOwn, sizes.headSize, present(dout, doutStride));
  const bool mine = row < block.count;
  const int position = mine ? block.tile.position + (block.first + row) / sizes.group : -1;
  const int last = block.tile.position + (block.first + block.count - 1) / sizes.group;
  const std::int64_t query = kvHead * sizes.queries + std::int64_t{block.tile.row} * sizes.group + block.first + row;
  const float2 own = mine ? numbers[query] : make_float2(0.0F, 0.0F);
  SlotCursor cursor = {runs + block.tile.firstRun, 0};
  float sums[kColumns] = {};
  for (int begin = 0; begin <= last; begin += kOther) {
    if (threadIdx.x < kOther) {
      const int key = begin + static_cast<int>(threadIdx.x);
      m.slots[threadIdx.x] = key <= last ? cursor.slotAt(key) : -1;
    }
    __syncthreads();
    const auto keyRow = [&](const float* base, std::int64_t stride) {
      return [&, base, stride](int j) {
        return m.slots[j] < 0 ? nullptr : base + m.slots[j] * stride + kvHead * sizes.headSize;
      };
    };
    loadRows(m.other1, m.pitch, kOther, sizes.headSize, keyRow(k, kStride));
    loadRows(m.other2, m.pitch, kOther, sizes.headSize, keyRow(v, vStride));
    __syncthreads();
    float s[kPerThread], dp[kPerThread];
    products(s, dp, m, sizes.headSize, row, across);
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      m.ds[row * kWeights + across + kAcross * i] =
          gradientOf(weightOf(s[i], sizes.scale, own), dp[i], sizes.scale, own);
    }
    __syncthreads();
    for (int j = 0; j < atMost(kOther, position + 1 - begin); j++) {
      addRow(sums, m.ds[row * kWeights + j], m.other1 + j * m.pitch, sizes.headSize);
    }
    __syncthreads();
  }
  if (!mine) return;
  float* to = queryRow(dq, dqStride, row);
  forEachColumn(sizes.headSize, [&](int i, int d) { to[d] = __fadd_rn(to[d], sums[i]); });
}

// The sums that dk or dv of one key takes: a part's chain from +0, then one addition.
struct KeySums {
  float total[kColumns];
  float part[kColumns];

  __device__ void start(const float* from, int headSize) {
    if (from != nullptr) forEachColumn(headSize, [&](int i, int d) { total[i] = from[d]; });
  }
  __device__ void endPart() {
#pragma unroll
    for (int i = 0; i < kColumns; i++) {
      total[i] = __fadd_rn(total[i], part[i]);
      part[i] = 0.0F;
    }
  }
  __device__ void finish(float* to, int headSize) const {
    if (to != nullptr) forEachColumn(headSize, [&](int i, int d) { to[d] = total[i]; });
  }
};

__global__ void __launch_bounds__(kThreads)
    keyGradients(float* dk, std::int64_t dkStride, float* dv, std::int64_t dvStride, const float* dout,
                 std::int64_t doutStride, const float* q, std::int64_t qStride, const float* k, std::int64_t kStride,
                 const float* v, std::int64_t vStride, const float2* numbers, const AttentionTile* tiles,
                 const AttentionKeyBlock* blocks, const AttentionVisit* visits, AttentionGradientSizes sizes) {
  constexpr int kParts = AttentionKeyBlock::kRows / kOwn;
  const AttentionKeyBlock block = blocks[blockIdx.x / kParts];
  const int first = static_cast<int>(blockIdx.x % kParts) * kOwn;
  if (first >= block.rows) return;
  const Shared m(sizes.headSize);
  const int row = static_cast<int>(threadIdx.x) / kAcross, across = static_cast<int>(threadIdx.x) % kAcross;
  const std::int64_t kvHead = blockIdx.y;
  const auto keyRow = [&](auto* base, std::int64_t stride, int j) {
    const std::int64_t slot = block.slot + first + j;
    return first + j < block.rows ? base + slot * stride + kvHead * sizes.headSize : nullptr;
  };
  loadRows(m.own1, m.pitch, kOwn, sizes.headSize, [&](int j) { return keyRow(k, kStride, j); });
  loadRows(m.own2, m.pitch, kOwn, sizes.headSize, [&](int j) { return keyRow(v, vStride, j); });
  KeySums sumsK = {}, sumsV = {};
  sumsK.start(keyRow(dk, dkStride, row), sizes.headSize);
  sumsV.start(keyRow(dv, dvStride, row), sizes.headSize);
  for (QueryWalk walk(block, visits, tiles, sizes, kOther); !walk.done(); walk.next()) {
    const auto queryRow = [&](const float* base, std::int64_t stride) {
      return [&, base, stride](int i) {
        const std::int64_t query = walk.number(i);
        return i >= walk.count ? nullptr
                               : base + query / sizes.group * stride +
                                     (kvHead * sizes.group + query % sizes.group) * sizes.headSize;
      };
    };
    __syncthreads();
    loadRows(m.other1, m.pitch, kOther, sizes.headSize, queryRow(q, qStride));
    loadRows(m.other2, m.pitch, kOther, sizes.headSize, queryRow(dout, doutStride));
    if (threadIdx.x < kOther) {
      const int i = static_cast<int>(threadIdx.x);
      m.slots[i] = walk.position(i);
      m.numbers[i] = i < walk.count ? numbers[kvHead * sizes.queries + walk.number(i)] : make_float2(0.0F, 0.0F);
    }
    __syncthreads();
    const int inVisit = first + row - walk.seen.first;
    const int position = inVisit >= 0 && inVisit < walk.seen.count ? walk.seen.position + inVisit : INT_MAX;
    float s[kPerThread], dp[kPerThread];
    products(s, dp, m, sizes.headSize, row, across);
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const int other = across + kAcross * i;
      const float weight = weightOf(s[i], sizes.scale, m.numbers[other]);
      m.p[row * kWeights + other] = weight;
      m.ds[row * kWeights + other] = gradientOf(weight, dp[i], sizes.scale, m.numbers[other]);
    }
    __syncthreads();
    for (int i = 0; i < walk.count; i++) {
      if (m.slots[i] < position) continue;
      addRow(sumsK.part, m.ds[row * kWeights + i], m.other1 + i * m.pitch, sizes.headSize);
      addRow(sumsV.part, m.p[row * kWeights + i], m.other2 + i * m.pitch, sizes.headSize);
    }
    if (walk.partEnds()) {
      sumsK.endPart();
      sumsV.endPart();
    }
  }
  sumsK.finish(keyRow(dk, dkStride, row), sizes.headSize);
  sumsV.finish(keyRow(dv, dvStride, row), sizes.headSize);
}

}  // namespace

void attentionGradientsF32(CudaDevice& device, const AttentionGradients& g) {
  const AttentionOnDevice::Backward& plan = g.plan;
  const std::size_t shared = sharedBytes(g.sizes.headSize);
  const auto grid = [&](std::uint32_t blocks) {
    return dim3(blocks, g.kvHeads, static_cast<std::uint32_t>((g.sizes.headSize + kBlockColumns - 1) / kBlockColumns));
  };
  cuda::launch(device, "attention.backward", grid(g.queryBlocks(kOwn)), dim3(kThreads), shared, queryGradients, g.dq.f32(),
               g.dq.stride, g.dout.f32(), g.dout.stride, g.q.f32(), g.q.stride, g.k.f32(), g.k.stride, g.v.f32(),
               g.v.stride, g.numbers, plan.tiles, plan.runs, plan.rowsBefore, g.sizes);
  const std::uint32_t blocks = static_cast<std::uint32_t>(plan.keyBlockCount) * (AttentionKeyBlock::kRows / kOwn);
  cuda::launch(device, "attention.backward", grid(blocks), dim3(kThreads), shared, keyGradients, g.dk.f32(), g.dk.stride,
               g.dv.f32(), g.dv.stride, g.dout.f32(), g.dout.stride, g.q.f32(), g.q.stride, g.k.f32(), g.k.stride,
               g.v.f32(), g.v.stride, g.numbers, plan.tiles, plan.keyBlocks, plan.visits, g.sizes);
}

}  // namespace agl
