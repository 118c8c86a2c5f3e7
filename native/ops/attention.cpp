#include "ops/attention.h"

#include <algorithm>

#include "ops/attention_kernels.h"
#include "ops/kernels.h"

namespace agl {

namespace {

// Fused multiply-adds a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainProducts = 1024 * 1024;
// What reading and turning one key costs, in queries' products.
constexpr std::int64_t kGatherQueries = 12;

std::int64_t roundUp(std::int64_t count) { return (count + 15) / 16 * 16; }

// Rows of a task: its queries share each gathered chunk, yet their state stays in the second cache.
std::int64_t rowsOf(const AttentionShape& shape) {
  constexpr std::int64_t kQueries = 256;
  return std::clamp(kQueries / (shape.heads / shape.kvHeads), std::int64_t{1}, Attention::kTileRows);
}

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
  const std::int64_t queries = rowsOf(shape) * (shape.heads / shape.kvHeads);
  const std::int64_t padded = roundUp(shape.headSize);
  const std::int64_t chunk = Attention::kChunk;
  const std::int64_t block = AttentionScratch::kBlockQueries;
  AttentionScratch s = {};
  s.q = layout.floats(queries * padded);
  s.out = layout.floats(queries * padded);
  s.maximum = layout.floats(queries);
  s.sum = layout.floats(queries);
  s.keysT = layout.floats(chunk * shape.headSize);
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
  const std::int32_t most = static_cast<std::int32_t>(rowsOf(shape));
  const std::int64_t group = shape.heads / shape.kvHeads;
  for (const AttentionTile& tile : tiles) {
    for (std::int32_t row = 0; row < tile.rows; row += most) {
      AttentionTask task = {tile, runs.data(), shape, 0};
      task.tile.row += row;
      task.tile.position += row;
      task.tile.rows = std::min(most, tile.rows - row);
      const std::int64_t keys = task.tile.position + task.tile.rows;
      const std::int64_t cost = 2 * keys * shape.headSize * (task.tile.rows * group + kGatherQueries);
      for (task.kvHead = 0; task.kvHead < shape.kvHeads; task.kvHead++) visit(task, cost);
    }
  }
}

std::int64_t totalCost(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs,
                       const AttentionShape& shape) {
  std::int64_t total = 0;
  forEachTask(tiles, runs, shape, [&](const AttentionTask&, std::int64_t cost) { total += cost; });
  return total;
}

AttentionScratch workerScratch(Context& context, int worker, const AttentionShape& shape) {
  Layout layout(static_cast<float*>(context.pool.scratch(worker, attentionScratchBytes(shape))));
  return scratchOf(layout, shape);
}

AttentionMatrix of(View view) { return {view.f32(), view.stride}; }

void forward(Context& context, View out, View lse, View q, View k, View v, std::span<const AttentionTile> tiles,
             std::span<const KeyRun> runs, AttentionShape shape) {
  const AttentionOperands operands = {of(q), of(k), of(v), of(out), of(lse), {}, {}, {}, {}};
  const std::int64_t total = totalCost(tiles, runs, shape);
  const std::int64_t parts = std::clamp(total / kGrainProducts, std::int64_t{1}, std::int64_t{context.pool.threads()});
  // Late tiles have more keys: parts are equal in cost, not in number.
  context.pool.run(parts, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    const AttentionScratch scratch = workerScratch(context, worker, shape);
    std::int64_t before = 0;
    forEachTask(tiles, runs, shape, [&](const AttentionTask& task, std::int64_t cost) {
      const std::int64_t part = before * parts / total;
      before += cost;
      if (part >= begin && part < end) context.kernels.attention.forward(operands, task, scratch);
    });
  });
}

// dk and dv of a slot are sums over tiles, so a kv head stays with one worker.
void backward(Context& context, View dq, View dk, View dv, View dout, View out, View lse, View q, View k, View v,
              std::span<const AttentionTile> tiles, std::span<const KeyRun> runs, AttentionShape shape) {
  const AttentionOperands operands = {of(q), of(k), of(v), of(out), of(lse), of(dout), of(dq), of(dk), of(dv)};
  const std::int64_t headCost = std::max<std::int64_t>(1, totalCost(tiles, runs, shape) / shape.kvHeads);
  context.pool.run(shape.kvHeads, kGrainProducts / headCost, [&](int worker, std::int64_t begin, std::int64_t end) {
    const AttentionScratch scratch = workerScratch(context, worker, shape);
    forEachTask(tiles, runs, shape, [&](const AttentionTask& task, std::int64_t) {
      if (task.kvHead >= begin && task.kvHead < end) context.kernels.attention.backward(operands, task, scratch);
    });
  });
}

}  // namespace

std::size_t attentionScratchBytes(const AttentionShape& shape) {
  Layout layout(nullptr);
  scratchOf(layout, shape);
  return static_cast<std::size_t>(layout.used()) * sizeof(float);
}

const Attention kCpuAttention = {forward, backward};

}  // namespace agl
