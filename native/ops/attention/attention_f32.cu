// Attention's forward in f32 on a CUDA device, in the CPU's bits (attention.h): chains over d and j, sixteen lanes of a
// half warp for the sum. A block has sixteen queries of one kv head and walks the chunks in ascending order.
#include "ops/attention/attention_device.cuh"

namespace agl::cuda {
namespace {

constexpr int kThreads = kAttentionChunk;  // one key each
constexpr int kQueries = 16;
constexpr int kLanes = 16;
constexpr int kColumns = 32;             // of q and k that lie in shared memory at once
constexpr int kKeyStride = kColumns + 1;  // no two keys of a warp in one bank
constexpr int kWeightStride = kQueries + 4;
constexpr int kGroupQueries = 8;         // that a thread weighs values for at once

// A block's shared memory.
struct Shared {
  float queries[kColumns][kQueries];
  float weights[kAttentionChunk][kWeightStride];
  float keys[kAttentionChunk][kKeyStride];
  int slots[kAttentionChunk];
  int counts[kQueries];  // keys of the chunk that a query sees, at most 0 when none
  float maximum[kQueries], sum[kQueries];
  AttentionMerge merge[kQueries];
};

// A block's queries at one chunk.
struct Chunk {
  Shared& s;
  const AttentionQueries& queries;
  const AttentionSizes& sizes;
  int begin, count;
};

// Columns [d, d + kColumns) of the chunk's keys and of the queries, zero where there is none.
__device__ void loadColumns(const Chunk& c, const float* q, const float* k, int d) {
  const int column = static_cast<int>(threadIdx.x) % kColumns, step = kThreads / kColumns;
  const bool present = d + column < c.sizes.headSize;
  const int keyColumn = c.queries.kvHead * c.sizes.headSize + d + column;
  for (int j = static_cast<int>(threadIdx.x) / kColumns; j < kAttentionChunk; j += step) {
    c.s.keys[j][column] = present && j < c.count ? k[c.s.slots[j] * c.sizes.k + keyColumn] : 0.0F;
  }
  for (int i = static_cast<int>(threadIdx.x) / kColumns; i < kQueries; i += step) {
    const bool has = present && i < c.queries.count;
    c.s.queries[column][i] =
        has ? q[c.queries.row(i) * c.sizes.q + c.queries.head(i) * c.sizes.headSize + d + column] : 0.0F;
  }
}

// This thread's key against every query: scaled scores, -infinity where a query does not see it.
__device__ void scores(const Chunk& c, const float* q, const float* k) {
  const int key = static_cast<int>(threadIdx.x);
  float sums[kQueries] = {};
  for (int d = 0; d < c.sizes.headSize; d += kColumns) {
    __syncthreads();
    loadColumns(c, q, k, d);
    __syncthreads();
    const int width = atMost(kColumns, c.sizes.headSize - d);
    for (int column = 0; column < width; column++) {
      const float number = c.s.keys[key][column];
#pragma unroll
      for (int i = 0; i < kQueries; i++) sums[i] = __fmaf_rn(c.s.queries[column][i], number, sums[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < kQueries; i++) {
    c.s.weights[key][i] = key < c.s.counts[i] ? __fmul_rn(sums[i], c.sizes.scale) : kUnseen;
  }
}

// Scores become weights; a half warp has one query at a time. Leaves what joins the chunk to those before.
__device__ void softmax(const Chunk& c) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int i = static_cast<int>(threadIdx.x) / kLanes; i < kQueries; i += kThreads / kLanes) {
    float maximum = kUnseen;
    for (int j = lane; j < kAttentionChunk; j += kLanes) {
      maximum = maximum > c.s.weights[j][i] ? maximum : c.s.weights[j][i];
    }
    for (int width = kLanes / 2; width > 0; width /= 2) {
      const float other = __shfl_xor_sync(0xffffffffU, maximum, width);
      maximum = maximum > other ? maximum : other;
    }
    float sum = 0.0F;
    for (int j = lane; j < kAttentionChunk; j += kLanes) {
      const float weight = exp(__fadd_rn(c.s.weights[j][i], -maximum));
      c.s.weights[j][i] = weight;
      sum = __fadd_rn(sum, weight);
    }
    for (int width = kLanes / 2; width > 0; width /= 2) {
      sum = __fadd_rn(sum, __shfl_xor_sync(0xffffffffU, sum, width));
    }
    if (lane != 0 || c.s.counts[i] <= 0) continue;
    if (c.begin == 0) {
      c.s.maximum[i] = maximum;
      c.s.sum[i] = sum;
    } else {
      c.s.merge[i] = attentionMerge(c.s.maximum[i], c.s.sum[i], maximum, sum);
    }
  }
}

// o of kGroupQueries queries at column d: one chain over the keys that each sees.
__device__ void weighValues(float (&o)[kGroupQueries], const Chunk& c, const float* v, int firstQuery, int d) {
  const float* column = v + c.queries.kvHead * c.sizes.headSize + d;
  const int shared = c.s.counts[firstQuery];  // the fewest: later queries see as many or more
  for (int j = 0; j < c.count; j++) {
    const float value = column[c.s.slots[j] * c.sizes.v];
#pragma unroll
    for (int i = 0; i < kGroupQueries; i++) {
      const float next = __fmaf_rn(c.s.weights[j][firstQuery + i], value, o[i]);
      o[i] = j < shared || j < c.s.counts[firstQuery + i] ? next : o[i];
    }
  }
}

// The chunk's o, joined to what `out` holds of the chunks before; divided by the sum after a query's last one.
__device__ void takeValues(const Chunk& c, float* out, const float* v) {
  const int columns = c.sizes.headSize;
  for (int item = static_cast<int>(threadIdx.x); item < kQueries / kGroupQueries * columns; item += kThreads) {
    const int firstQuery = item / columns * kGroupQueries, d = item % columns;
    float o[kGroupQueries] = {};
    weighValues(o, c, v, firstQuery, d);
#pragma unroll
    for (int i = 0; i < kGroupQueries; i++) {
      const int query = firstQuery + i;
      if (query >= c.queries.count || c.s.counts[query] <= 0) continue;
      float* at = out + c.queries.row(query) * c.sizes.out + c.queries.head(query) * columns + d;
      const float joined = c.begin == 0 ? o[i] : c.s.merge[query](*at, o[i]);
      *at = c.queries.keys(query) <= c.begin + kAttentionChunk ? __fdiv_rn(joined, c.s.sum[query]) : joined;
    }
  }
}

__global__ void __launch_bounds__(kThreads, 1)
    forwardF32(float* out, float* lse, const float* q, const float* k, const float* v,
               const AttentionOnDevice::Tile* tiles, const AttentionOnDevice::Stretch* stretches, AttentionSizes sizes) {
  Shared& s = *reinterpret_cast<Shared*>(sharedMemory());
  const AttentionQueries queries(tiles, sizes, kQueries);
  if (queries.count <= 0) return;
  const int thread = static_cast<int>(threadIdx.x);
  const int keys = queries.keys(queries.count - 1);
  for (int begin = 0; begin < keys; begin += kAttentionChunk) {
    const Chunk c = {s, queries, sizes, begin, atMost(kAttentionChunk, keys - begin)};
    __syncthreads();
    if (thread < c.count) {
      s.slots[thread] = attentionSlot(stretches + queries.tile.firstStretch, queries.tile.stretches, begin + thread);
    }
    if (thread < kQueries) s.counts[thread] = thread < queries.count ? queries.keys(thread) - begin : 0;
    scores(c, q, k);
    __syncthreads();
    softmax(c);
    __syncthreads();
    takeValues(c, out, v);
  }
  if (thread < queries.count && lse != nullptr) {
    lse[queries.row(thread) * sizes.lse + queries.head(thread)] = __fadd_rn(s.maximum[thread], logOf(s.sum[thread]));
  }
}

}  // namespace

void attentionForwardF32(CudaDevice& device, const AttentionForward& call) {
  const std::int64_t tiles = call.pass.upTo[AttentionOnDevice::kTileRows].tiles;
  const std::int64_t blocks = attentionBlocks(call.shape, attentionRows(call.pass, tiles), kQueries);
  const dim3 grid(static_cast<unsigned>(tiles * blocks), static_cast<unsigned>(call.shape.kvHeads));
  launch(device, "attention.forward", grid, dim3(kThreads), sizeof(Shared), forwardF32, call.out.f32(), call.lse.f32(),
         call.q.f32(), call.k.f32(), call.v.f32(), call.pass.tiles, call.pass.stretches,
         attentionSizes(call, blocks));
}

}  // namespace agl::cuda
