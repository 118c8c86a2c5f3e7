// Draws on a CUDA device: statistics by a warp for each block of the vocabulary, then a block of threads for each row.
#include "ops/draw/draw.h"

#include <algorithm>

#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/draw/draw_search.cuh"
#include "ops/head/log_softmax.h"

namespace agl {
namespace {

using namespace drawing;

constexpr int kStatisticsWarps = 4;

// Of a row: first the token drawn, then those named beside it in any order.
struct Entry {
  std::uint32_t order;
  std::int32_t token;
  float logprob;
  float mass;
};
static_assert(sizeof(Entry) == kDrawEntryBytes && sizeof(BlockStatistics) == kDrawStatisticsBytes);

// What a launch of drawRows does: before the rows are masked it names, behind it draws.
enum class Phase : std::int32_t { all, names, draws };

__global__ void maskRows(float* logits, std::int64_t stride, int vocabulary, const DrawPlan* plans) {
  const std::int64_t row = blockIdx.y;
  const std::uint64_t* allowed = plans[row].allowed;
  const int token = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (allowed == nullptr || token >= vocabulary) return;
  if ((allowed[token / 64] >> token % 64 & 1) == 0) logits[row * stride + token] = cuda::kNone;
}

__global__ void statisticsOfBlocks(BlockStatistics* statistics, const float* logits, std::int64_t stride, int vocabulary,
                                   int blocks, const DrawPlan* plans, bool ofMasked) {
  if (ofMasked && plans[blockIdx.y].allowed == nullptr) return;
  const int block = static_cast<int>(blockIdx.x) * kStatisticsWarps + static_cast<int>(threadIdx.x) / kWarp;
  const std::int64_t row = blockIdx.y;
  if (block >= blocks) return;
  const int begin = block * static_cast<int>(LogSoftmax::kBlock);
  const int rest = vocabulary - begin;
  const int count = rest < LogSoftmax::kBlock ? rest : static_cast<int>(LogSoftmax::kBlock);
  const BlockStatistics own = cuda::blockStatistics(logits + row * stride + begin, count, plans[row].inverseTemperature);
  if (cuda::threadOfWarp() == 0) statistics[row * blocks + block] = own;
}

__device__ int drawGreedy(Shared& shared, const Row& row) {
  std::uint64_t first = kAll;
  eachToken(row, [&](int token, float logit) {
    const std::uint64_t place = placeOf(logit, token);
    first = place < first ? place : first;
  });
  return tokenOf(leastOf(shared, first));
}

__device__ int drawFromAll(Shared& shared, const Row& row, int blocks) {
  constexpr int own = static_cast<int>(LogSoftmax::kBlock) / kThreads;
  const auto massUpTo = [&](int block) { return massOf(row.byBlock[block].most, row.byBlock[block].sum, row.total.most); };
  const double target = row.plan.u * massUpTo(blocks - 1);
  auto found = static_cast<std::uint64_t>(blocks - 1);
  for (int block = static_cast<int>(threadIdx.x); block < blocks - 1; block += kThreads) {
    if (massUpTo(block) > target && static_cast<unsigned>(block) < found) found = static_cast<unsigned>(block);
  }
  const int block = static_cast<int>(leastOf(shared, found));
  const int begin = block * static_cast<int>(LogSoftmax::kBlock) + static_cast<int>(threadIdx.x) * own;
  std::uint64_t weights[own], sum = 0, total = 0;
  for (int i = 0; i < own; i++) {
    weights[i] = begin + i < row.vocabulary ? weightOf(row.shareOf(row.logits[begin + i])) : 0;
    sum += weights[i];
  }
  sum = sumBefore(shared, sum, total);
  const std::uint64_t goal = goalInBlock(target, block == 0 ? 0.0 : massUpTo(block - 1), total);
  if (threadIdx.x == 0) shared.digit = begin;
  __syncthreads();
  for (int i = 0; i < own; i++) {
    if (sum < goal && sum + weights[i] >= goal) shared.digit = begin + i;
    sum += weights[i];
  }
  __syncthreads();
  return shared.digit;
}

__device__ int drawFiltered(Shared& shared, const Row& row) {
  const DrawPlan& plan = row.plan;
  std::uint64_t last = kAll;
  if (plan.topK > 0) last = placeOfMostProbable(shared, row, static_cast<std::uint64_t>(plan.topK));
  const double bound = leastContender(plan, row.total.most, row.total.sum, row.vocabulary);
  const auto weightAbove = [&](double least) {
    return [&row, last, bound, least](std::uint64_t place, float logit) -> std::uint64_t {
      if (place > last || !(static_cast<double>(logit * row.plan.inverseTemperature) >= bound)) return 0;
      const double share = row.shareOf(logit);
      return share < least ? 0 : weightOf(share);
    };
  };
  if (plan.topP < 1) {
    const auto weight = weightAbove(0.0);
    const double mass = plan.topK > 0 ? static_cast<double>(weightOfAll(shared, row, weight))
                                      : static_cast<double>(row.total.sum) * kSteps;
    const std::uint64_t end = placeAt(shared, row, nucleusGoal(plan.topP, mass), weight);
    last = end < last ? end : last;
  }
  const auto weight = weightAbove(plan.minP);
  const std::uint64_t goal = goalAmong(plan.u, weightOfAll(shared, row, weight));
  return tokenOf(placeAt(shared, row, goal, weight));
}

// The statistics after each block from those of each, in place.
__device__ void accumulate(BlockStatistics* byBlock, int blocks) {
  float stats[3] = {cuda::kNone, 0.0F, 0.0F};
  for (int block = 0; block < blocks; block++) {
    cuda::mergeStatistics(stats, byBlock[block]);
    byBlock[block] = {stats[0], stats[1], stats[2], 1};
  }
}

__device__ int drawToken(Shared& shared, const Row& row, int blocks) {
  if (row.plan.kind == DrawKind::greedy) return drawGreedy(shared, row);
  return row.plan.kind == DrawKind::whole ? drawFromAll(shared, row, blocks) : drawFiltered(shared, row);
}

// statistics, masked (R, blocks): of the rows as they came, and of the masked rows as they are drawn from.
__global__ void __launch_bounds__(kThreads)
    drawRows(Entry* entries, int entriesOfRow, BlockStatistics* statistics, BlockStatistics* masked, int blocks,
             const float* logits, std::int64_t stride, int vocabulary, const DrawPlan* plans, Phase phase) {
  Shared& shared = *reinterpret_cast<Shared*>(cuda::sharedMemory());
  const std::int64_t r = blockIdx.x;
  const bool isMasked = phase == Phase::draws && plans[r].allowed != nullptr;
  BlockStatistics* byBlock = statistics + r * blocks;
  BlockStatistics* drawn = isMasked ? masked + r * blocks : byBlock;
  entries += r * entriesOfRow;
  if (threadIdx.x == 0) {
    if (phase != Phase::draws) accumulate(byBlock, blocks);
    if (isMasked) accumulate(drawn, blocks);
    shared.entries = 1;
  }
  __syncthreads();
  const Row whole = {logits + r * stride, vocabulary, plans[r], byBlock, byBlock[blocks - 1]};
  const bool hasTokens = isDrawable(whole.total.sum);
  if (phase != Phase::names) {
    const Row row = {whole.logits, vocabulary, whole.plan, drawn, drawn[blocks - 1]};
    const bool mayDraw = hasTokens && isDrawable(row.total.sum);
    const int token = mayDraw ? drawToken(shared, row, blocks) : 0;
    const float mass = isMasked ? shareOfMass(row.total.most, row.total.sum, whole.total.most, whole.total.sum) : 1.0F;
    const float logprob = mayDraw ? whole.logprobOf(whole.logits[token]) : __builtin_nanf("");
    if (threadIdx.x == 0) entries[0] = {0, token, logprob, mass};
  }
  if (phase == Phase::draws || !hasTokens || whole.plan.topLogprobs == 0) return;
  const std::uint64_t last = placeOfMostProbable(shared, whole, static_cast<unsigned>(whole.plan.topLogprobs));
  eachToken(whole, [&](int named, float logit) {
    if (placeOf(logit, named) > last) return;
    entries[atomicAdd(&shared.entries, 1U)] = {orderOf(logit), named, whole.logprobOf(logit), 0.0F};
  });
}

void unpack(Drawn& drawn, const DrawPlan& plan, std::span<Entry> entries) {
  drawn.token = entries[0].token;
  drawn.logprob = entries[0].logprob;
  drawn.mass = entries[0].mass;
  drawn.top.clear();
  if (drawn.logprob != drawn.logprob) return;
  const std::span<Entry> named = entries.subspan(1, static_cast<std::size_t>(plan.topLogprobs));
  std::sort(named.begin(), named.end(), [](const Entry& a, const Entry& b) {
    return a.order != b.order ? a.order < b.order : a.token < b.token;
  });
  for (const Entry& each : named) drawn.top.push_back({each.token, each.logprob});
}

// A draw's arguments on the device.
struct Staged {
  const DrawPlan* plans;
  BlockStatistics* statistics;
  BlockStatistics* masked;
  Entry* results;
  int entriesOfRow;
  int blocks;
  bool hasMasks;
};

void launchAll(CudaDevice& device, const Staged& staged, View logits) {
  const int vocabulary = static_cast<int>(logits.cols);
  const auto rows = static_cast<unsigned>(logits.rows);
  const dim3 grid(static_cast<unsigned>(cuda::partsOf(staged.blocks, kStatisticsWarps)), rows);
  const auto statistics = [&](BlockStatistics* into, bool ofMasked) {
    cuda::launch(device, "draw statistics", grid, kStatisticsWarps * kWarp, 0, statisticsOfBlocks, into, logits.f32(),
                 logits.stride, vocabulary, staged.blocks, staged.plans, ofMasked);
  };
  const auto draw = [&](Phase phase) {
    cuda::launch(device, "draw", rows, kThreads, sizeof(Shared), drawRows, staged.results, staged.entriesOfRow,
                 staged.statistics, staged.masked, staged.blocks, logits.f32(), logits.stride, vocabulary, staged.plans, phase);
  };
  statistics(staged.statistics, false);
  if (!staged.hasMasks) return draw(Phase::all);
  draw(Phase::names);
  const dim3 tokens(static_cast<unsigned>(cuda::partsOf(logits.cols, kThreads)), rows);
  cuda::launch(device, "draw masks", tokens, kThreads, 0, maskRows, logits.f32(), logits.stride, vocabulary, staged.plans);
  statistics(staged.masked, true);
  draw(Phase::draws);
}

void forward(Context& ctx, std::span<Drawn> drawn, View logits, std::span<const DrawRow> rows) {
  CudaDevice& device = cudaDevice(ctx);
  const auto maskBytes = static_cast<std::size_t>((logits.cols + 63) / 64) * sizeof(std::uint64_t);
  std::vector<DrawPlan> plans;
  Staged staged{};
  staged.blocks = static_cast<int>(cuda::partsOf(logits.cols, LogSoftmax::kBlock));
  staged.entriesOfRow = 1;
  for (const DrawRow& row : rows) {
    DrawPlan& plan = plans.emplace_back(planDraw(row, logits.cols));
    if (row.allowed != nullptr) plan.allowed = static_cast<const std::uint64_t*>(device.stage(row.allowed, maskBytes));
    staged.hasMasks = staged.hasMasks || row.allowed != nullptr;
    staged.entriesOfRow = std::max(staged.entriesOfRow, 1 + plan.topLogprobs);
  }
  const int entriesOfRow = staged.entriesOfRow;
  std::vector<Entry> entries(rows.size() * static_cast<std::size_t>(entriesOfRow), Entry{0, 0, __builtin_nanf(""), 0});
  staged.plans = static_cast<const DrawPlan*>(device.stage(plans.data(), plans.size() * sizeof(DrawPlan)));
  const std::size_t bytes = drawCudaScratchBytes(logits.rows, logits.cols, entriesOfRow - 1);
  staged.statistics = static_cast<BlockStatistics*>(device.scratch(bytes));
  if (staged.statistics != nullptr && staged.plans != nullptr) {
    staged.masked = staged.statistics + logits.rows * staged.blocks;
    staged.results = reinterpret_cast<Entry*>(staged.masked + logits.rows * staged.blocks);
    launchAll(device, staged, logits);
    device.copyOut(entries.data(), staged.results, entries.size() * sizeof(Entry));
  }
  for (std::size_t i = 0; i < rows.size(); i++) {
    const std::size_t first = i * static_cast<std::size_t>(entriesOfRow);
    unpack(drawn[i], plans[i], std::span<Entry>(entries).subspan(first, static_cast<std::size_t>(entriesOfRow)));
  }
}

}  // namespace

const Draw kCudaDraw = {forward};

}  // namespace agl
