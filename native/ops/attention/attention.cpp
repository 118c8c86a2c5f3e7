#include "ops/attention/attention.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "ops/attention/attention_cuda.h"
#include "ops/attention/attention_kernels.h"
#include "ops/kernels.h"

namespace agl {

namespace {

// Fused multiply-adds a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainProducts = 1024 * 1024;
// What reading and turning one key costs, in queries' products.
constexpr std::int64_t kGatherQueries = 12;

std::int64_t roundUp(std::int64_t count, std::int64_t unit = 16) { return (count + unit - 1) / unit * unit; }

// Hands out the scratch's parts one after the other; counts only when `base` is null.
class Layout {
 public:
  explicit Layout(float* base) : base_(base) {}
  float* floats(std::int64_t count) {
    float* at = base_ == nullptr ? nullptr : base_ + used_;
    used_ += roundUp(count);
    return at;
  }
  std::int64_t used() const { return used_; }

 private:
  float* base_;
  std::int64_t used_ = 0;
};

AttentionScratch scratchOf(Layout& layout, const AttentionShape& shape) {
  const std::int64_t queries = attentionTaskRows(shape) * (shape.heads / shape.kvHeads);
  const std::int64_t padded = roundUp(shape.headSize);
  const std::int64_t chunk = Attention::kChunk;
  const std::int64_t block = AttentionScratch::kBlockQueries;
  AttentionScratch s = {};
  s.q = layout.floats(queries * roundUp(shape.headSize, Packed::kStep));
  s.out = layout.floats(queries * padded);
  s.maximum = layout.floats(queries);
  s.sum = layout.floats(queries);
  s.keysT = layout.floats(chunk * std::max(shape.headSize, roundUp(shape.headSize, Packed::kStep) / 2));
  s.values = layout.floats(chunk * padded);
  s.scores = layout.floats(block * chunk);
  s.partial = layout.floats(block * padded);
  s.dout = layout.floats(queries * padded);
  s.valuesT = layout.floats(chunk * shape.headSize);
  s.dscores = layout.floats(block * chunk);
  s.dk = layout.floats(chunk * padded);
  s.dv = layout.floats(chunk * padded);
  return s;
}

// Calls visit(task, cost) for every part of every tile and every kv head, in the one order that sums follow.
template <class Visit>
void forEachTask(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs, const AttentionShape& shape,
                 Visit visit) {
  const std::int32_t most = static_cast<std::int32_t>(attentionTaskRows(shape));
  const std::int64_t group = shape.heads / shape.kvHeads;
  for (std::size_t t = 0; t < tiles.size(); t++) {
    const AttentionTile& tile = tiles[t];
    for (std::int32_t row = 0; row < tile.rows; row += most) {
      AttentionTask task = {tile, runs.data(), shape, 0, t};
      task.tile.row += row;
      task.tile.position += row;
      task.tile.rows = std::min(most, tile.rows - row);
      const std::int64_t keys = task.tile.position + task.tile.rows;
      const std::int64_t cost = 2 * keys * shape.headSize * (task.tile.rows * group + kGatherQueries);
      for (task.kvHead = 0; task.kvHead < shape.kvHeads; task.kvHead++) visit(task, cost);
    }
  }
}

std::int64_t partsOf(Context& context, std::int64_t cost) {
  return std::clamp(cost / kGrainProducts, std::int64_t{1}, std::int64_t{context.pool.threads()});
}

AttentionScratch workerScratch(Context& context, int worker, const AttentionShape& shape) {
  Layout layout(static_cast<float*>(context.pool.scratch(worker, attentionScratchBytes(shape))));
  return scratchOf(layout, shape);
}

AttentionMatrix of(View view) { return {view.f32(), view.stride}; }
KeyMatrix keysOf(View view) { return {view.data, view.stride, view.dtype}; }

// Forward's work: consecutive tasks of each kv head, as many as one scratch holds, and no more than leave every thread some.
struct Bundles {
  std::vector<AttentionTask> tasks;
  std::vector<AttentionBundle> bundles;
  std::vector<std::int64_t> costs;
  std::int64_t total = 0;
};

Bundles bundlesOf(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs, const AttentionShape& shape,
                  std::int64_t threads) {
  const std::int64_t group = shape.heads / shape.kvHeads;
  Bundles all;
  std::vector<std::int64_t> costs;
  std::int64_t queries = 0;
  forEachTask(tiles, runs, shape, [&](const AttentionTask& task, std::int64_t cost) {
    if (task.kvHead > 0) return;
    all.tasks.push_back(task);
    costs.push_back(cost);
    queries += task.tile.rows * group;
  });
  const std::size_t count = all.tasks.size();
  for (std::int64_t kvHead = 1; kvHead < shape.kvHeads; kvHead++) {
    for (std::size_t i = 0; i < count; i++) {
      all.tasks.push_back(all.tasks[i]);
      all.tasks.back().kvHead = kvHead;
    }
  }
  const std::int64_t most = std::min(attentionTaskRows(shape) * group, queries * shape.kvHeads / threads);
  for (std::size_t begin = 0, i = 0; i < all.tasks.size(); i++) {
    const std::int64_t own = all.tasks[i].tile.rows * group;
    const bool first = i % std::max<std::size_t>(count, 1) == 0;
    if (first || all.bundles.back().queries + own > most || i - begin == AttentionScratch::kBundle) {
      begin = i;
      all.bundles.push_back({&all.tasks[i], 0, 0});
      all.costs.push_back(0);
    }
    all.bundles.back().count++;
    all.bundles.back().queries += own;
    all.costs.back() += costs[i % count];
    all.total += costs[i % count];
  }
  return all;
}

void prepare(Context&, AttentionWork&, bool) {}

void forward(Context& context, View out, View lse, View q, View k, View v, const AttentionWork& work,
             AttentionShape shape) {
  const AttentionOperands operands = {of(q), keysOf(k), keysOf(v), of(out), of(lse), {}, {}, {}, {}};
  const AttentionKernels& kernels = context.kernels.attention;
  const auto kernel = k.dtype == Dtype::bf16 ? kernels.forwardBf16 : kernels.forward;
  const Bundles all = bundlesOf(work.tiles, work.runs, shape, context.pool.threads());
  const std::int64_t parts = partsOf(context, all.total);
  // Late tiles have more keys: parts are equal in cost, not in number.
  context.pool.run(parts, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    const AttentionScratch scratch = workerScratch(context, worker, shape);
    std::int64_t before = 0;
    for (std::size_t i = 0; i < all.bundles.size(); i++) {
      const std::int64_t part = before * parts / std::max<std::int64_t>(all.total, 1);
      before += all.costs[i];
      if (part >= begin && part < end) kernel(operands, all.bundles[i], scratch);
    }
  });
}

// Which tiles share slots, directly or through others: tile t belongs to component result[t].
std::vector<std::size_t> componentsOf(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs) {
  struct Piece {
    std::int32_t begin, end;
    std::size_t tile;
  };
  std::vector<Piece> pieces;
  for (std::size_t t = 0; t < tiles.size(); t++) {
    for (const KeyRun& run : runs.subspan(static_cast<std::size_t>(tiles[t].firstRun),
                                          static_cast<std::size_t>(tiles[t].runs))) {
      pieces.push_back({run.slot, run.slot + run.count, t});
    }
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  std::vector<std::size_t> root(tiles.size());
  std::iota(root.begin(), root.end(), std::size_t{0});
  const auto rootOf = [&](std::size_t t) {
    while (root[t] != t) t = root[t] = root[root[t]];
    return t;
  };
  for (std::size_t i = 1, widest = 0; i < pieces.size(); i++) {
    if (pieces[i].begin < pieces[widest].end) root[rootOf(pieces[i].tile)] = rootOf(pieces[widest].tile);
    if (pieces[i].end > pieces[widest].end) widest = i;
  }
  for (std::size_t t = 0; t < tiles.size(); t++) root[t] = rootOf(t);
  return root;
}

// dk and dv of a slot are sums over tiles in their order, so the tiles that share slots stay with one worker, each kv
// head by itself.
void backward(Context& context, View dq, View dk, View dv, View dout, View out, View lse, View q, View k, View v,
              const AttentionWork& work, AttentionShape shape) {
  const std::span<const AttentionTile> tiles = work.tiles;
  const std::span<const KeyRun> runs = work.runs;
  const AttentionOperands operands = {of(q), keysOf(k), keysOf(v), of(out), of(lse), of(dout), of(dq), of(dk), of(dv)};
  const std::vector<std::size_t> components = componentsOf(tiles, runs);
  const std::size_t heads = static_cast<std::size_t>(shape.kvHeads);
  std::vector<std::int64_t> costs(tiles.size() * heads);
  std::int64_t total = 0;
  const auto groupOf = [&](const AttentionTask& task) {
    return components[task.index] * heads + static_cast<std::size_t>(task.kvHead);
  };
  forEachTask(tiles, runs, shape, [&](const AttentionTask& task, std::int64_t cost) {
    costs[groupOf(task)] += cost;
    total += cost;
  });
  const std::int64_t parts = partsOf(context, total);
  std::vector<std::int64_t> owner(costs.size());
  std::int64_t before = 0;
  for (std::size_t g = 0; g < costs.size(); g++) {
    // The middle of a group decides, so that a large one leaves nothing too little to its neighbours.
    owner[g] = (before + costs[g] / 2) * parts / std::max<std::int64_t>(total, 1);
    before += costs[g];
  }
  context.pool.run(parts, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    const AttentionScratch scratch = workerScratch(context, worker, shape);
    forEachTask(tiles, runs, shape, [&](const AttentionTask& task, std::int64_t) {
      const std::int64_t part = owner[groupOf(task)];
      if (part >= begin && part < end) context.kernels.attention.backward(operands, task, scratch);
    });
  });
}

}  // namespace

// A task's queries share each gathered chunk, yet their state stays in the second cache.
std::int64_t attentionTaskRows(const AttentionShape& shape) {
  constexpr std::int64_t kQueries = 256;
  return std::clamp(kQueries / (shape.heads / shape.kvHeads), std::int64_t{1}, Attention::kTileRows);
}

std::size_t attentionScratchBytes(const AttentionShape& shape) {
  Layout layout(nullptr);
  scratchOf(layout, shape);
  return static_cast<std::size_t>(layout.used()) * sizeof(float);
}

std::size_t attentionForwardScratchBytes(const AttentionShape& shape) {
  return cuda::attentionPartialBytes(shape, cuda::kAttentionPartials);
}

const Attention kCpuAttention = {prepare, forward, backward};

}  // namespace agl
