#include "ops/draw/draw.h"

#include <algorithm>
#include <bit>

#include "core/philox.h"
#include "ops/draw/draw_rules.h"
#include "ops/kernels.h"

namespace agl {

static std::int64_t vocabularyBlocks(std::int64_t vocabulary) {
  return (vocabulary + LogSoftmax::kBlock - 1) / LogSoftmax::kBlock;
}

DrawPlan planDraw(const DrawRow& row, std::int64_t vocabulary) {
  const DrawOptions& options = row.options;
  const DrawKey& key = row.key;
  const PhiloxBlock block = philox({static_cast<std::uint32_t>(key.promptHash),
                                    static_cast<std::uint32_t>(key.promptHash >> 32), key.choice, key.position},
                                   key.seed);
  DrawPlan plan;
  plan.u = uniform(block[0], block[1]);
  plan.topP = options.topP;
  plan.minP = std::min(options.minP, 1.0);
  plan.topK = std::min(options.topK, vocabulary);
  plan.topLogprobs = static_cast<std::int32_t>(std::min(options.topLogprobs, vocabulary));
  plan.inverseTemperature = options.temperature == 0 ? 1.0F : 1.0F / options.temperature;
  const bool isFiltered = options.topK > 0 || options.topP < 1 || options.minP > 0;
  plan.allowed = row.allowed;
  plan.kind = options.temperature == 0 ? DrawKind::greedy : isFiltered ? DrawKind::filtered : DrawKind::whole;
  return plan;
}

std::size_t drawCudaScratchBytes(std::int64_t rows, std::int64_t vocabulary, std::int64_t topLogprobs) {
  const std::int64_t row = 2 * vocabularyBlocks(vocabulary) * kDrawStatisticsBytes + (1 + topLogprobs) * kDrawEntryBytes;
  return static_cast<std::size_t>(rows * row);
}

namespace {

struct Candidate {
  float logit;
  std::int32_t token;
  double share;
};

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

// What a worker writes to while it draws a row; the candidates have room for the vocabulary.
struct Memory {
  std::vector<float> byBlock;  // statistics after each vocabulary block, 3 numbers each: the last are the row's
  std::vector<Candidate> candidates;
};

struct Row {
  const float* logits;
  std::int64_t vocabulary;
  const DrawPlan& plan;
  Memory& memory;
  const float* total() const { return memory.byBlock.data() + memory.byBlock.size() - 3; }
  double shareOf(std::int64_t token) const {
    return drawing::shareOf(logits[token], plan.inverseTemperature, total()[0]);
  }
};

void gatherStatistics(Context& ctx, const Row& row) {
  float stats[3] = {-__builtin_huge_valf(), 0.0F, 0.0F};
  float* out = row.memory.byBlock.data();
  for (std::int64_t begin = 0; begin < row.vocabulary; begin += LogSoftmax::kBlock, out += 3) {
    ctx.kernels.logSoftmax.accumulate(stats, row.logits + begin, std::min(LogSoftmax::kBlock, row.vocabulary - begin),
                                      row.plan.inverseTemperature);
    std::copy_n(stats, 3, out);
  }
}

std::int64_t argmax(const Row& row) {
  return std::max_element(row.logits, row.logits + row.vocabulary) - row.logits;
}

std::int64_t drawFromAll(const Row& row) {
  const float largest = row.total()[0];
  const auto massUpTo = [&](std::int64_t block) {
    const float* stats = row.memory.byBlock.data() + 3 * block;
    return drawing::massOf(stats[0], stats[1], largest);
  };
  const auto blocks = static_cast<std::int64_t>(row.memory.byBlock.size() / 3);
  const double target = row.plan.u * massUpTo(blocks - 1);
  std::int64_t block = 0;
  while (block + 1 < blocks && massUpTo(block) <= target) block++;
  const std::int64_t begin = block * LogSoftmax::kBlock, end = std::min(begin + LogSoftmax::kBlock, row.vocabulary);
  std::uint64_t weights[LogSoftmax::kBlock];
  std::uint64_t total = 0;
  for (std::int64_t token = begin; token < end; token++) {
    total += weights[token - begin] = drawing::weightOf(row.shareOf(token));
  }
  const std::uint64_t goal = drawing::goalInBlock(target, block == 0 ? 0.0 : massUpTo(block - 1), total);
  std::uint64_t sum = weights[0];
  std::int64_t token = begin;
  while (sum < goal) sum += weights[++token - begin];
  return token;
}

// The `count` most probable tokens, sorted.
void takeMostProbable(const Row& row, std::size_t count) {
  std::vector<Candidate>& heap = row.memory.candidates;  // the least probable of them in front
  heap.clear();
  for (std::int64_t token = 0; token < row.vocabulary; token++) {
    const Candidate candidate{row.logits[token], static_cast<std::int32_t>(token), 0};
    if (heap.size() == count) {
      if (!before(candidate, heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), before);
      heap.pop_back();
    }
    heap.push_back(candidate);
    std::push_heap(heap.begin(), heap.end(), before);
  }
  std::sort_heap(heap.begin(), heap.end(), before);
}

// Every token that top-p or min-p may keep, sorted.
void takeContenders(const Row& row) {
  const double bound = drawing::leastContender(row.plan, row.total()[0], row.total()[1], row.vocabulary);
  std::vector<Candidate>& candidates = row.memory.candidates;
  candidates.clear();
  for (std::int64_t token = 0; token < row.vocabulary; token++) {
    if (static_cast<double>(row.logits[token] * row.plan.inverseTemperature) >= bound) {
      candidates.push_back({row.logits[token], static_cast<std::int32_t>(token), 0});
    }
  }
  std::sort(candidates.begin(), candidates.end(), before);
}

// The index of the first candidate at which the sum of weights reaches the goal, or their number.
std::size_t firstToReach(const std::vector<Candidate>& candidates, std::uint64_t goal) {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  while (i < candidates.size() && (sum += drawing::weightOf(candidates[i].share)) < goal) i++;
  return i;
}

std::uint64_t weightOfAll(const std::vector<Candidate>& candidates) {
  std::uint64_t sum = 0;
  for (const Candidate& candidate : candidates) sum += drawing::weightOf(candidate.share);
  return sum;
}

std::int64_t drawFiltered(const Row& row) {
  const DrawPlan& plan = row.plan;
  std::vector<Candidate>& candidates = row.memory.candidates;
  if (plan.topK > 0) {
    takeMostProbable(row, static_cast<std::size_t>(plan.topK));
  } else {
    takeContenders(row);
  }
  for (Candidate& candidate : candidates) candidate.share = row.shareOf(candidate.token);
  if (plan.topP < 1) {
    const double mass = plan.topK > 0 ? static_cast<double>(weightOfAll(candidates))
                                      : static_cast<double>(row.total()[1]) * drawing::kSteps;
    const std::size_t last = firstToReach(candidates, drawing::nucleusGoal(plan.topP, mass));
    if (last < candidates.size()) candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(last + 1), candidates.end());
  }
  std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.share < plan.minP; });
  return candidates[firstToReach(candidates, drawing::goalAmong(plan.u, weightOfAll(candidates)))].token;
}

// Those of the block that are not allowed become impossible.
void maskBlock(float* logits, std::int64_t count, const std::uint64_t* allowed) {
  constexpr float kImpossible = -__builtin_huge_valf();
  for (std::int64_t begin = 0; begin < count; begin += 64) {
    const std::uint64_t word = allowed[begin / 64];
    const std::int64_t end = std::min<std::int64_t>(begin + 64, count);
    if (word == 0) {
      std::fill(logits + begin, logits + end, kImpossible);
      continue;
    }
    for (std::uint64_t bits = ~word; bits != 0; bits &= bits - 1) {
      const std::int64_t token = begin + std::countr_zero(bits);
      if (token < end) logits[token] = kImpossible;
    }
  }
}

// Masks the row, and gathers its statistics anew. A block without allowed tokens adds nothing to them, and is not looked at where the token's
// block is found by its mass.
void gatherMasked(Context& ctx, const Row& row, float* logits) {
  float stats[3] = {-__builtin_huge_valf(), 0.0F, 0.0F};
  float* out = row.memory.byBlock.data();
  for (std::int64_t begin = 0; begin < row.vocabulary; begin += LogSoftmax::kBlock, out += 3) {
    const std::int64_t count = std::min(LogSoftmax::kBlock, row.vocabulary - begin);
    const std::uint64_t* allowed = row.plan.allowed + begin / 64;
    const bool isPossible = std::any_of(allowed, allowed + (count + 63) / 64, [](std::uint64_t word) { return word != 0; });
    if (isPossible || row.plan.kind != DrawKind::whole) maskBlock(logits + begin, count, allowed);
    if (isPossible) ctx.kernels.logSoftmax.accumulate(stats, logits + begin, count, row.plan.inverseTemperature);
    std::copy_n(stats, 3, out);
  }
}

void drawRow(Context& ctx, Drawn& drawn, const Row& row, float* logits) {
  gatherStatistics(ctx, row);
  const float whole[3] = {row.total()[0], row.total()[1], row.total()[2]};
  const auto logprobOf = [&](std::int64_t token) {
    return logProbability(whole, row.logits[token], row.plan.inverseTemperature);
  };
  bool isDrawable = drawing::isDrawable(whole[1]);
  if (isDrawable && row.plan.topLogprobs > 0) {
    takeMostProbable(row, static_cast<std::size_t>(row.plan.topLogprobs));
    for (const Candidate& each : row.memory.candidates) drawn.top.push_back({each.token, logprobOf(each.token)});
  }
  drawn.mass = 1;
  if (isDrawable && row.plan.allowed != nullptr) {
    gatherMasked(ctx, row, logits);
    drawn.mass = drawing::shareOfMass(row.total()[0], row.total()[1], whole[0], whole[1]);
    isDrawable = drawing::isDrawable(row.total()[1]);
  }
  if (!isDrawable) {
    drawn.token = 0;
    drawn.logprob = __builtin_nanf("");
    drawn.top.clear();
    return;
  }
  const std::int64_t token = row.plan.kind == DrawKind::greedy  ? argmax(row)
                             : row.plan.kind == DrawKind::whole ? drawFromAll(row)
                                                                : drawFiltered(row);
  drawn.token = static_cast<std::int32_t>(token);
  drawn.logprob = logprobOf(token);
}

// Rows are drawn by any thread. All memory is taken before: a part may not throw.
void forward(Context& ctx, std::span<Drawn> drawn, View logits, std::span<const DrawRow> rows) {
  std::vector<DrawPlan> plans;
  bool isSelecting = false;
  for (std::size_t i = 0; i < rows.size(); i++) {
    plans.push_back(planDraw(rows[i], logits.cols));
    drawn[i].top.clear();
    drawn[i].top.reserve(static_cast<std::size_t>(plans[i].topLogprobs));
    isSelecting = isSelecting || plans[i].kind == DrawKind::filtered || plans[i].topLogprobs > 0;
  }
  const std::int64_t blocks = vocabularyBlocks(logits.cols);
  std::vector<Memory> memories(static_cast<std::size_t>(ctx.pool.threads()));
  for (Memory& memory : memories) {
    memory.byBlock.resize(static_cast<std::size_t>(3 * blocks));
    if (isSelecting) memory.candidates.reserve(static_cast<std::size_t>(logits.cols));
  }
  ctx.pool.run(logits.rows, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      const auto i = static_cast<std::size_t>(r);
      drawRow(ctx, drawn[i], {logits.f32(r), logits.cols, plans[i], memories[static_cast<std::size_t>(worker)]}, logits.f32(r));
    }
  });
}

}  // namespace

const Draw kCpuDraw = {forward};

}  // namespace agl
