// Attention's forward over keys and values in bf16 on a CUDA device (attention.h). Blocks either walk all chunks of their
// queries, or, where few queries read long contexts, each takes some chunks and leaves their partial results, which a
// second kernel joins: the same bits. The next chunk's keys are under way while weights and values are multiplied, its
// values while scores are.
#include "ops/attention/attention_bf16.cuh"

namespace agl::cuda {
namespace attention {
namespace {

// One thread's part of its block's walk: of its warp's sixteen queries those at lane / 4 (h = 0) and 8 further (h = 1), and
// of their o the fragments of kColumns times sixteen columns.
template <class S>
struct Walk {
  static constexpr int kTiles = kAttentionChunk / S::kKeyWarps / 8;
  static constexpr int kColumns = (S::kWidth / 16 + S::kKeyWarps - 1) / S::kKeyWarps;

  S& s;
  const AttentionQueries& queries;
  const AttentionSizes& sizes;
  float* partials;  // null where the block walks all chunks
  int chunk;
  int keys[2];  // of the chunk that each sees; not positive when none
  float maximum[2], sum[2];
  float o[kColumns][2][4];

  // The block's pair of the warp's query i, the last one where there is none.
  __device__ int pair(int i) const { return atMost((S::kKeyWarps == 1 ? 16 * warp() : 0) + i, queries.count - 1); }
  __device__ bool exists(int i) const { return (S::kKeyWarps == 1 ? 16 * warp() : 0) + i < queries.count; }
  __device__ int keysOf(int i) const { return queries.keys(pair(i)) - chunk * kAttentionChunk; }
  __device__ int column(int j) const { return 16 * (S::kKeyWarps == 1 ? j : warp() + S::kKeyWarps * j); }
  __device__ bool writesSums() const { return lane() % 4 == 0 && (S::kKeyWarps == 1 || warp() == 0); }
  __device__ float* partial(int i) const {
    const int at = pair(i), row = (queries.first + at) / queries.group;
    return attentionPartial(partials, queries.tile, sizes, row, queries.head(at), chunk);
  }
};

// The chunk's weights times its values, alone or joined to what came before.
template <class S>
__device__ __forceinline__ void takeValues(Walk<S>& w, const std::uint32_t (&weights)[Walk<S>::kTiles][2],
                                           const AttentionMerge (&merge)[2]) {
  const bool alone = w.chunk == 0 || w.partials != nullptr;
  const bool each = w.s.notFinite != 0;  // every query is multiplied with the values that it sees, and no others
#pragma unroll
  for (int j = 0; j < Walk<S>::kColumns; j++) {
    if (w.column(j) >= S::kWidth) break;
#pragma unroll 1
    for (int only = 0; only < (each ? 16 : 1); only++) {
      float o[2][4];
      weighValues(o, weights, w.s, w.column(j), each ? w.keysOf(only) : kAttentionChunk);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        const int h = i % 4 / 2;
        const float joined = alone ? o[i / 4][i % 4] : merge[h](w.o[j][i / 4][i % 4], o[i / 4][i % 4]);
        if (w.keys[h] > 0 && (!each || lane() / 4 + 8 * h == only)) w.o[j][i / 4][i % 4] = joined;
      }
    }
  }
}

// Calls store(i, h, column, number) for the numbers of o that exist.
template <class S, class Store>
__device__ __forceinline__ void forEachNumber(const Walk<S>& w, Store store) {
#pragma unroll
  for (int j = 0; j < Walk<S>::kColumns; j++) {
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int column = w.column(j) + i / 4 * 8 + lane() % 4 * 2 + i % 2;
      if (column < w.sizes.headSize) store(i % 4 / 2, column, w.o[j][i / 4][i % 4]);
    }
  }
}

template <class S>
__device__ __forceinline__ void storePartials(const Walk<S>& w) {
  float* to[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int i = lane() / 4 + 8 * h;
    to[h] = w.exists(i) && w.keys[h] > 0 ? w.partial(i) : nullptr;
    if (to[h] == nullptr || !w.writesSums()) continue;
    to[h][0] = w.maximum[h];
    to[h][1] = w.sum[h];
  }
  forEachNumber(w, [&](int h, int column, float number) {
    if (to[h] != nullptr) to[h][2 + column] = number;
  });
}

template <class S>
__device__ __forceinline__ void storeQueries(const Walk<S>& w, float* out, float* lse) {
  float* to[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int i = lane() / 4 + 8 * h, pair = w.pair(i), head = w.queries.head(pair);
    const std::int64_t row = w.queries.row(pair);
    to[h] = w.exists(i) ? out + row * w.sizes.out + head * w.sizes.headSize : nullptr;
    if (to[h] == nullptr || lse == nullptr || !w.writesSums()) continue;
    lse[row * w.sizes.lse + head] = __fadd_rn(w.maximum[h], logOf(w.sum[h]));
  }
  forEachNumber(w, [&](int h, int column, float number) {
    if (to[h] != nullptr) to[h][column] = __fdiv_rn(number, w.sum[h]);
  });
}

// Everything of one chunk but the copies: scores, weights, values. gatherKeys() starts the copies of the next chunk's keys as
// soon as nobody reads this one's.
template <class S, class GatherKeys>
__device__ __forceinline__ void takeChunk(Walk<S>& w, int count, GatherKeys gatherKeys) {
  std::uint32_t weights[Walk<S>::kTiles][2];
  float maximum[2], sum[2] = {};
  {
    float p[Walk<S>::kTiles][4];
    scores(p, w.s);
    __syncthreads();
    gatherKeys();
    softmax(weights, maximum, sum, p, w.keys, w.sizes.scale, w.s);
  }
  if constexpr (S::kKeyWarps > 1) shareWeights(w.s, weights, sum);
  copyAsyncWait<1>();
  const bool partlySeen = w.queries.keys(0) < w.chunk * kAttentionChunk + count;
  if (partlySeen && copiedNotFinite(w.s)) w.s.notFinite = 1;
  __syncthreads();
  sumOfQuarters(sum, w.s);
  AttentionMerge merge[2] = {};
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if (w.keys[h] <= 0) continue;
    if (w.chunk == 0 || w.partials != nullptr) {
      w.maximum[h] = maximum[h];
      w.sum[h] = sum[h];
    } else {
      merge[h] = attentionMerge(w.maximum[h], w.sum[h], maximum[h], sum[h]);
    }
  }
  takeValues(w, weights, merge);
  if (w.partials != nullptr) storePartials(w);
}

// blockIdx.z counts ranges of `chunks` chunks.
template <int D, int W>
__global__ void __launch_bounds__(kThreads, 1)
    forwardBf16(float* out, float* lse, const float* q, const std::uint16_t* k, const std::uint16_t* v,
                const AttentionOnDevice::Tile* tiles, const AttentionOnDevice::Stretch* stretches, float* partials,
                AttentionSizes sizes, int chunks, bool pieces) {
  using S = Shared<D, W>;
  S& s = *reinterpret_cast<S*>(sharedMemory());
  const AttentionQueries queries(tiles, sizes, S::kQueries);
  if (queries.count <= 0) return;
  const int keys = queries.keys(queries.count - 1);
  const int first = static_cast<int>(blockIdx.z) * chunks;
  const int end = atMost(first + chunks, (keys + kAttentionChunk - 1) / kAttentionChunk);
  if (first >= end) return;

  const Rows keyRows = {k + queries.kvHead * sizes.headSize, sizes.k, sizes.headSize, pieces};
  const Rows valueRows = {v + queries.kvHead * sizes.headSize, sizes.v, sizes.headSize, pieces};
  const auto countOf = [&](int chunk) { return atMost(kAttentionChunk, keys - chunk * kAttentionChunk); };
  const auto findSlots = [&](int chunk) {
    const int position = chunk * kAttentionChunk + threadOfBlock();
    if (chunk >= end || position >= keys) return;
    s.slots[chunk % 2][threadOfBlock()] =
        attentionSlot(stretches + queries.tile.firstStretch, queries.tile.stretches, position);
  };
  const auto gatherRows = [&](Piece(&to)[kAttentionChunk][S::kPieces + 1], const Rows& from, int chunk) {
    if (chunk < end) gather<S::kPieces>(to, from, s.slots[chunk % 2], countOf(chunk));
    copyAsyncCommit();
  };

  findSlots(first);
  __syncthreads();
  gatherRows(s.keys, keyRows, first);
  gatherRows(s.values, valueRows, first);
  loadQueries(s, q, queries, sizes);
  Walk<S> w = {s, queries, sizes, partials, first, {}, {}, {}, {}};
  for (; w.chunk < end; w.chunk++) {
    findSlots(w.chunk + 1);
    if (threadOfBlock() == 0) s.notFinite = 0;
    w.keys[0] = w.keysOf(lane() / 4);
    w.keys[1] = w.keysOf(lane() / 4 + 8);
    copyAsyncWait<1>();
    __syncthreads();
    takeChunk(w, countOf(w.chunk), [&] { gatherRows(s.keys, keyRows, w.chunk + 1); });
    __syncthreads();
    gatherRows(s.values, valueRows, w.chunk + 1);
  }
  if (partials == nullptr) storeQueries(w, out, lse);
}

// A warp joins the partial results of one (row, head) of tile blockIdx.x.
constexpr int kMergeColumns = 4;  // of a lane
constexpr int kWidest = 32 * kMergeColumns;
constexpr const char* kName = "attention.forward";

__global__ void __launch_bounds__(kThreads, 1)
    mergePartials(float* out, float* lse, float* partials, const AttentionOnDevice::Tile* tiles, AttentionSizes sizes) {
  const AttentionOnDevice::Tile tile = tiles[blockIdx.x];
  const int index = static_cast<int>(blockIdx.y) * kWarps + warp();
  const int row = index / sizes.heads, head = index % sizes.heads;
  if (row >= tile.rows) return;
  const int chunks = (tile.position + row) / kAttentionChunk + 1;
  float maximum = 0.0F, sum = 0.0F, o[kMergeColumns] = {};
  for (int chunk = 0; chunk < chunks; chunk++) {
    const float* partial = attentionPartial(partials, tile, sizes, row, head, chunk);
    AttentionMerge merge = {};
    if (chunk > 0) {
      merge = attentionMerge(maximum, sum, partial[0], partial[1]);
    } else {
      maximum = partial[0];
      sum = partial[1];
    }
#pragma unroll
    for (int i = 0; i < kMergeColumns; i++) {
      const int column = lane() + 32 * i;
      const float later = column < sizes.headSize ? partial[2 + column] : 0.0F;
      o[i] = chunk > 0 ? merge(o[i], later) : later;
    }
  }
  float* to = out + (tile.row + row) * sizes.out + head * sizes.headSize;
#pragma unroll
  for (int i = 0; i < kMergeColumns; i++) {
    if (lane() + 32 * i < sizes.headSize) to[lane() + 32 * i] = __fdiv_rn(o[i], sum);
  }
  if (lse != nullptr && lane() == 0) lse[(tile.row + row) * sizes.lse + head] = __fadd_rn(maximum, logOf(sum));
}

// Tiles [first, end) of the pass.
struct Range {
  std::int64_t first, end;
};

// Chunks that a block walks: all, or where blocks are few as many as give every multiprocessor some.
std::int64_t chunksOfBlock(const CudaDevice& device, const AttentionForward& call, const Range& range,
                           std::int64_t blocks) {
  const AttentionOnDevice::Prefix& to = call.pass.upTo[attentionRows(call.pass, range.end)];
  const AttentionOnDevice::Prefix& from = call.pass.upTo[attentionRows(call.pass, range.first)];
  const std::int64_t wanted = 4 * device.multiprocessors(), ofTile = blocks * call.shape.kvHeads;
  const bool fits = to.partials * call.shape.heads <= kAttentionPartials;
  if (2 * (to.tiles - from.tiles) * ofTile >= wanted || !fits) return to.longest;
  return ((to.chunks - from.chunks) * ofTile + wanted - 1) / wanted;
}

dim3 gridOf(std::int64_t x, std::int64_t y, std::int64_t z) {
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}
const std::uint16_t* bf16(const View& view) { return static_cast<const std::uint16_t*>(view.data); }
bool isWhole(const View& view) {
  return view.stride % kPiece == 0 && reinterpret_cast<std::uintptr_t>(view.data) % sizeof(Piece) == 0;
}

template <int D, int W>
void run(CudaDevice& device, const AttentionForward& call, const Range& range) {
  using S = Shared<D, W>;
  const std::int64_t tiles = range.end - range.first;
  if (tiles <= 0) return;
  const std::int64_t rows = attentionRows(call.pass, range.end);
  const std::int64_t blocks = attentionBlocks(call.shape, rows, S::kQueries);
  const std::int64_t chunks = chunksOfBlock(device, call, range, blocks);
  const std::int64_t ranges = (call.pass.upTo[rows].longest + chunks - 1) / chunks;
  const bool whole = isWhole(call.k) && isWhole(call.v) && call.shape.headSize % kPiece == 0;
  const AttentionSizes sizes = attentionSizes(call, blocks);
  const AttentionOnDevice::Tile* first = call.pass.tiles + range.first;
  float* partials = nullptr;
  if (ranges > 1) {
    const std::int64_t count = call.pass.upTo[rows].partials * call.shape.heads;
    partials = static_cast<float*>(device.scratch(attentionPartialBytes(call.shape, count)));
    if (partials == nullptr) return;  // the device keeps why
  }
  launch(device, kName, gridOf(tiles * blocks, call.shape.kvHeads, ranges), dim3(kThreads), sizeof(S), forwardBf16<D, W>,
         call.out.f32(), call.lse.f32(), call.q.f32(), bf16(call.k), bf16(call.v), first, call.pass.stretches, partials,
         sizes, static_cast<int>(chunks), whole);
  if (ranges == 1) return;
  launch(device, kName, gridOf(tiles, (rows * call.shape.heads + kWarps - 1) / kWarps, 1), dim3(kThreads), 0,
         mergePartials, call.out.f32(), call.lse.f32(), partials, first, sizes);
}

// Tiles whose queries of a kv head fit the instruction's sixteen rows run apart from the others.
template <int D>
void runWidth(CudaDevice& device, const AttentionForward& call) {
  const std::int64_t few = Shared<D, kWarps>::kQueries / (call.shape.heads / call.shape.kvHeads);
  const std::int64_t small = call.pass.upTo[few].tiles;
  run<D, kWarps>(device, call, {0, small});
  run<D, 1>(device, call, {small, call.pass.upTo[AttentionOnDevice::kTileRows].tiles});
}

}  // namespace
}  // namespace attention

void attentionForwardBf16(CudaDevice& device, const AttentionForward& call) {
  const std::int64_t headSize = call.shape.headSize;
  if (headSize <= 64) return attention::runWidth<64>(device, call);
  if (headSize <= 80) return attention::runWidth<80>(device, call);
  if (headSize <= 96) return attention::runWidth<96>(device, call);
  if (headSize <= attention::kWidest) return attention::runWidth<128>(device, call);
  device.note("attention.forward in bf16: expected heads of at most 128", cudaErrorInvalidValue);
}

}  // namespace agl::cuda
