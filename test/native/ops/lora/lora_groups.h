// Groups of LoRA tasks as a layer asks for them: projections of one input, whose rows follow several adapters.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ops/linear/packed_weights.h"
#include "ops/lora/lora.h"

namespace agl::test {

struct LoraGroup {
  struct Rows {
    std::int64_t count;
    std::int64_t rank;  // of their adapter; 0: none
  };
  std::int64_t k;
  std::vector<Rows> spans;
  std::vector<std::int64_t> outputs;  // of each projection

  std::int64_t rows() const {
    std::int64_t all = 0;
    for (const Rows& span : spans) all += span.count;
    return all;
  }
  std::int64_t largestRank() const {
    std::int64_t rank = 0;
    for (const Rows& span : spans) rank = std::max(rank, span.rank);
    return rank;
  }
};

using RunLora = std::function<void(Context&, std::span<const LoraTask>)>;

inline void runGrouped(Context& ctx, std::span<const LoraTask> tasks) { ctx.ops.lora.forward(ctx, tasks); }

// What lora.h promises the bits of.
inline void runComposed(Context& ctx, std::span<const LoraTask> tasks) {
  for (const LoraTask& task : tasks) {
    if (task.x.rows == 0) continue;
    Apart up(task.x.rows, task.b.n, kNan, ctx.device);
    ctx.ops.linear.forward(ctx, task.down, task.x, task.a);
    ctx.ops.linear.forward(ctx, up.view(), task.down, task.b);
    ctx.ops.elementwise.addScaled(ctx, task.y, up.view(), task.scale);
  }
}

// The numbers of a group on a context's device.
class LoraProblem {
 public:
  LoraProblem(Context& ctx, Dtype dtype, const LoraGroup& group) : ctx_(ctx), group_(group) {
    x_ = std::make_unique<Apart>(group.rows(), group.k, randomNumbers(group.rows() * group.k, 1), ctx.device);
    for (std::size_t i = 0; i < group.spans.size(); i++) {
      const std::int64_t rank = group.spans[i].rank;
      for (std::size_t p = 0; p < group.outputs.size() && rank > 0; p++) {
        const std::int64_t n = group.outputs[p];
        weights_.emplace_back(ctx, dtype, randomNumbers(rank * group.k, 100 * i + p + 10), rank, group.k);
        weights_.emplace_back(ctx, dtype, randomNumbers(n * rank, 100 * i + p + 50), n, rank);
      }
    }
  }

  // Rows [begin, begin + count) of each span alone, all of them by default.
  void run(const RunLora& lora, std::int64_t begin = 0, std::int64_t count = INT64_MAX) {
    y_.clear(), down_.clear();
    for (const std::int64_t n : group_.outputs) {
      y_.push_back(std::make_unique<Apart>(group_.rows(), n, randomNumbers(group_.rows() * n, 2), ctx_.device));
      down_.push_back(std::make_unique<Apart>(group_.rows(), group_.largestRank(), kNan, ctx_.device));
    }
    std::vector<LoraTask> tasks;
    std::size_t pair = 0;
    std::int64_t row = 0;
    for (std::size_t i = 0; i < group_.spans.size(); i++) {
      const auto [rows, rank] = group_.spans[i];
      const std::int64_t first = row + std::min(begin, rows), taken = std::min(count, row + rows - first);
      for (std::size_t p = 0; p < group_.outputs.size() && rank > 0; p++, pair += 2) {
        tasks.push_back({y_[p]->view().slice(first, taken), down_[p]->view().slice(first, taken).narrow(rank),
                         x_->view().slice(first, taken), weights_[pair].packed(), weights_[pair + 1].packed(),
                         0.1F + 0.3F * static_cast<float>(i)});
      }
      row += rows;
    }
    lora(ctx_, tasks);
    CHECK(marksHold());
  }

  // Each row of `down`, NaN where nothing was computed, and of y, for one projection after another.
  std::vector<Floats> rowsOf() {
    std::vector<Floats> all;
    for (std::size_t p = 0; p < y_.size(); p++) {
      for (std::int64_t r = 0; r < group_.rows(); r++) {
        Floats& numbers = all.emplace_back(down_[p]->row(r), down_[p]->row(r) + group_.largestRank());
        numbers.insert(numbers.end(), y_[p]->row(r), y_[p]->row(r) + group_.outputs[p]);
      }
    }
    return all;
  }

 private:
  bool marksHold() {
    for (std::size_t p = 0; p < y_.size(); p++) {
      if (!y_[p]->marksHold() || !down_[p]->marksHold()) return false;
    }
    return x_->marksHold();
  }

  Context& ctx_;
  LoraGroup group_;
  std::unique_ptr<Apart> x_;
  std::vector<PackedWeights> weights_;
  std::vector<std::unique_ptr<Apart>> y_, down_;
};

// Ranks and rows on either side of every tile, rows of none, spans of nothing, sums of several pieces.
inline const std::vector<LoraGroup>& loraGroups() {
  static const std::vector<LoraGroup> groups = {
      {1, {{1, 1}}, {1}},
      {97, {{1, 3}, {0, 16}, {33, 16}, {2, 0}, {29, 1}}, {130, 40, 16}},
      {300, {{1, 16}, {1, 64}, {1, 16}, {2, 200}, {1, 1}, {1, 3}}, {70, 33}},
      {2100, {{17, 16}, {1, 5}}, {40}},
      {64, {{65, 16}}, {200}},
      {35, {{3, 1100}, {2, 8}}, {20}},
      {33, {{0, 4}}, {7}},
  };
  return groups;
}

}  // namespace agl::test
