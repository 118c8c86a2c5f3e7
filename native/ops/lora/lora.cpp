#include "ops/lora/lora.h"

#include <algorithm>

#include "core/fault.h"
#include "ops/kernels.h"

namespace agl {
namespace {

constexpr std::int64_t kLanes = Packed::kLanes;
// B down of so many rows and columns waits in scratch, within an L2, for its addition to y.
constexpr std::int64_t kTileRows = 64;
constexpr std::int64_t kTileFloats = kTileRows * 512;

const LinearKernels& kernelsOf(const Context& ctx, const Packed& w) {
  return w.dtype == Dtype::bf16 ? ctx.kernels.linearBf16 : ctx.kernels.linear;
}

// Rows and panels of one product of a task.
struct Part {
  std::int64_t row, rows;
  std::int64_t panel, panelEnd;
};

// A product in cells of equal work, for threads to divide: groups of its rows or, where those are fewer than threads,
// panels of its outputs.
struct Cells {
  std::int64_t rows, panels;
  std::int64_t unit;  // rows of a group: in bf16 those stay together that may share a tile
  bool ofRows;
  std::int64_t count, cost;

  Cells(std::int64_t productRows, const Packed& w, std::int64_t threads)
      : rows(productRows), panels(w.panels()), unit(w.dtype == Dtype::bf16 ? kLanes : 1) {
    const std::int64_t groups = (rows + unit - 1) / unit;
    ofRows = groups >= threads;
    count = ofRows ? groups : rows == 0 ? 0 : panels;
    cost = w.k * (ofRows ? unit * panels : rows);
  }
  Part part(std::int64_t begin, std::int64_t end) const {
    if (!ofRows) return {0, rows, begin, end};
    return {begin * unit, std::min(end * unit, rows) - begin * unit, 0, panels};
  }
};

// Calls run(worker, task, part) for parts of the product with weights `w` of every task, one dispatch for all.
template <class Run>
void overTasks(Context& ctx, std::span<const LoraTask> tasks, Packed LoraTask::*w, Run run) {
  std::int64_t flops = 0, weights = 0, work = 0;
  for (const LoraTask& task : tasks) {
    const std::int64_t size = (task.*w).n * (task.*w).k;
    weights += size, flops += 2 * size * task.x.rows;
  }
  const std::int64_t threads = threadsFor(ctx, flops, weights);
  for (const LoraTask& task : tasks) {
    const Cells cells(task.x.rows, task.*w, threads);
    work += cells.count * cells.cost;
  }
  ctx.pool.run(work, work / threads, [&](int worker, std::int64_t begin, std::int64_t end) {
    std::int64_t first = 0;  // where the task begins
    for (const LoraTask& task : tasks) {
      const Cells cells(task.x.rows, task.*w, threads);
      if (cells.count == 0) continue;
      // The first cell that does not begin before `at`.
      const auto cellAt = [&](std::int64_t at) {
        return at <= first ? 0 : std::min((at - first + cells.cost - 1) / cells.cost, cells.count);
      };
      const std::int64_t cell = cellAt(begin), cellEnd = cellAt(end);
      if (cell < cellEnd) run(worker, task, cells.part(cell, cellEnd));
      first += cells.count * cells.cost;
    }
  });
}

void multiplyDown(Context& ctx, const LoraTask& task, const Part& part, float* scratch) {
  kernelsOf(ctx, task.a).forward(task.down.f32(part.row), task.down.stride, task.x.f32(part.row), task.x.stride, part.rows,
                                 task.a, part.panel, part.panelEnd, scratch);
}

void addUp(Context& ctx, const LoraTask& task, const Part& part, float scale, float* scratch) {
  float* const tile = scratch;
  const std::int64_t height = std::min(part.rows, kTileRows), width = kTileFloats / height / kLanes;
  for (std::int64_t row = part.row; row < part.row + part.rows; row += height) {
    const std::int64_t rows = std::min(height, part.row + part.rows - row);
    for (std::int64_t panel = part.panel; panel < part.panelEnd; panel += width) {
      const std::int64_t column = panel * kLanes, end = std::min(std::min(panel + width, part.panelEnd) * kLanes, task.b.n);
      const Packed b = task.b.slice(column, end - column);
      kernelsOf(ctx, b).forward(tile, width * kLanes, task.down.f32(row), task.down.stride, rows, b, 0, b.panels(),
                                tile + kTileFloats);
      for (std::int64_t r = 0; r < rows; r++) {
        ctx.kernels.elementwise.addScaled(task.y.f32(row + r) + column, tile + r * width * kLanes, scale, b.n);
      }
    }
  }
}

void forward(Context& ctx, std::span<const LoraTask> tasks) {
  const auto scratchOf = [&](int worker, const Packed& w) {
    return static_cast<float*>(ctx.pool.scratch(worker, loraScratchBytes(w.dtype, w.n)));
  };
  overTasks(ctx, tasks, &LoraTask::a, [&](int worker, const LoraTask& task, const Part& part) {
    multiplyDown(ctx, task, part, scratchOf(worker, task.a));
  });
  overTasks(ctx, tasks, &LoraTask::b, [&](int worker, const LoraTask& task, const Part& part) {
    const float scale = isPlanted("GROUP_SCALE") ? tasks.front().scale : task.scale;
    addUp(ctx, task, part, scale, scratchOf(worker, task.b));
  });
}

}  // namespace

std::size_t loraScratchBytes(Dtype dtype, std::int64_t n) {
  return linearScratchBytes(dtype, n) + static_cast<std::size_t>(kTileFloats) * sizeof(float);
}

const Lora kCpuLora = {forward};

}  // namespace agl
