#include "sample/scheduler.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace agl {

constexpr std::int32_t kBlock = TokenMemory::kBlock;

static std::int64_t blocksFor(std::int64_t positions) { return (positions + kBlock - 1) / kBlock; }

Scheduler::Scheduler(Transformer& model, TokenMemory& memory, Arena& activations, std::int64_t batchTokens)
    : model_(model), memory_(memory), arena_(activations), batchTokens_(batchTokens), tree_(memory.blocks()) {}

void Scheduler::add(SampleRequest request) {
  auto shared = std::make_shared<Request>();
  shared->promptHash = hashTokens(request.prompt);
  shared->choices.resize(static_cast<std::size_t>(request.choices));
  shared->unfinished = request.choices;
  shared->request = std::move(request);
  for (int choice = 0; choice < shared->request.choices; choice++) {
    auto sequence = std::make_unique<Sequence>();
    sequence->request = shared;
    sequence->choice = choice;
    sequence->tokens = shared->request.prompt;
    sequences_.push_back(std::move(sequence));
  }
}

void Scheduler::cancel(std::int64_t id, int choice, std::int64_t keep) {
  for (const auto& sequence : sequences_) {
    if (sequence->request->request.id != id || sequence->done) continue;
    if (choice >= 0 && sequence->choice != choice) continue;
    Choice& result = sequence->request->choices[static_cast<std::size_t>(sequence->choice)];
    if (choice >= 0 && keep < static_cast<std::int64_t>(result.tokens.size())) {
      result.tokens.resize(static_cast<std::size_t>(keep));
      result.logprobs.resize(static_cast<std::size_t>(keep));
      result.top.resize(static_cast<std::size_t>(keep * sequence->request->request.draw.topLogprobs));
    }
    finish(*sequence, choice >= 0 ? FinishReason::stop : FinishReason::aborted);
  }
  sweep();
}

void Scheduler::step() {
  if (idle()) return;
  try {
    Plan next = plan();
    if (next.rows == 0 && next.drawing.empty()) {
      throw Error("E_MEMORY", "policy.sample: the token memory of " + std::to_string(memory_.blocks() * kBlock) +
                                  " positions holds none of the waiting sequences; load with a larger cacheTokens");
    }
    run(next);
  } catch (const Error& error) {
    failAll(error.code(), error.what());
  }
  sweep();
}

void Scheduler::failAll(const char* code, const std::string& message) {
  std::vector<std::unique_ptr<Sequence>> failed = std::move(sequences_);
  sequences_.clear();
  std::vector<int> adapters;
  for (const auto& sequence : failed) {
    if (sequence->tail != nullptr) tree_.unpin(sequence->tail);
    adapters.push_back(sequence->request->request.adapter);
    Request& request = *sequence->request;
    if (request.unfinished > 0) request.request.onError(code, message);
    request.unfinished = 0;
  }
  // A pass that broke off may have left planned but uncomputed positions in the tree.
  for (const int adapter : adapters) tree_.drop(adapter);
}

// --- internal ---

std::int64_t Scheduler::reservedBlocks() const {
  std::int64_t total = 0;
  for (const auto& sequence : sequences_) total += sequence->reserved;
  return total;
}

Scheduler::Plan Scheduler::plan() {
  Plan plan;
  // Decoding sequences first, then prompts that have begun, then newcomers in order of arrival.
  for (const auto& sequence : sequences_) {
    const auto left = static_cast<std::int64_t>(sequence->tokens.size()) - sequence->computed;
    if (sequence->admitted && left == 1) extend(*sequence, plan);
  }
  for (const auto& sequence : sequences_) {
    const auto left = static_cast<std::int64_t>(sequence->tokens.size()) - sequence->computed;
    if (sequence->admitted && left > 1) extend(*sequence, plan);
  }
  for (const auto& sequence : sequences_) {
    if (!sequence->admitted && !admit(*sequence, plan)) break;
  }
  return plan;
}

// False when nobody after it may be admitted either, in fairness.
bool Scheduler::admit(Sequence& sequence, Plan& plan) {
  const SampleRequest& request = sequence.request->request;
  const auto admitted = std::count_if(sequences_.begin(), sequences_.end(), [](const auto& s) { return s->admitted; });
  if (plan.rows >= batchTokens_ || admitted >= batchTokens_) return false;
  TokenTree::Node* node = tree_.match(tree_.root(request.adapter), sequence.tokens);
  if (mustWait(sequence, node)) return true;
  tree_.pin(node);
  const std::int64_t longest = std::min(static_cast<std::int64_t>(sequence.tokens.size()) + request.maxTokens,
                                        model_.config().contextLength);
  // One block more than its positions: the first may start in the middle.
  const std::int64_t needed = blocksFor(longest) - node->end() / kBlock + 1;
  if (!tree_.makeRoom(reservedBlocks() + needed)) {
    tree_.unpin(node);
    return false;
  }
  sequence.admitted = true;
  sequence.reserved = needed;
  sequence.tail = node;
  sequence.runs = tree_.runs(node);
  sequence.computed = node->end();
  counters_.cachedPromptTokens += sequence.computed;
  if (sequence.computed < static_cast<std::int32_t>(sequence.tokens.size())) {
    extend(sequence, plan);
  } else {
    repeatLastRow(sequence, plan);
  }
  return true;
}

// Another sequence is about to compute the very tokens this one needs next: it joins a pass later and finds them.
bool Scheduler::mustWait(const Sequence& sequence, const TokenTree::Node* node) const {
  const auto end = static_cast<std::size_t>(node->end());
  if (end >= sequence.tokens.size()) return false;
  return std::any_of(sequences_.begin(), sequences_.end(), [&](const auto& other) {
    return other->admitted && !other->done && other->tail == node && other->tokens.size() > end &&
           other->tokens[end] == sequence.tokens[end];
  });
}

// The next stretch of the sequence, as far as the pass has room.
void Scheduler::extend(Sequence& sequence, Plan& plan) {
  const auto left = static_cast<std::int64_t>(sequence.tokens.size()) - sequence.computed;
  const auto count = static_cast<std::int32_t>(std::min(left, batchTokens_ - plan.rows));
  if (count <= 0) return;
  Stretch stretch{&sequence, sequence.computed, count, {}, {}, 0};
  const std::int64_t freeBefore = tree_.freeBlocks();
  for (std::int32_t i = 0; i < count; i++) {
    const std::int32_t slot = tree_.append(sequence.tail, sequence.tokens[static_cast<std::size_t>(sequence.computed)]);
    sequence.computed++;
    appendRun(sequence.runs, {slot, 1});
    stretch.slots.push_back(slot);
  }
  sequence.reserved -= freeBefore - tree_.freeBlocks();
  stretch.runs = sequence.runs;
  plan.rows += count;
  const bool decoding = sequence.tokens.size() > sequence.request->request.prompt.size();
  (decoding ? counters_.decodeRows : counters_.prefillRows) += count;
  plan.stretches.push_back(std::move(stretch));
  if (sequence.computed == static_cast<std::int32_t>(sequence.tokens.size())) plan.drawing.push_back(&sequence);
}

// The whole prompt is known. Its last hidden state is, too, when a prompt ended here before or ends here in this pass; else the last token is
// computed again into its own slot, with the same bits.
void Scheduler::repeatLastRow(Sequence& sequence, Plan& plan) {
  plan.drawing.push_back(&sequence);
  if (!sequence.tail->hidden.empty()) return;
  const std::int32_t last = sequence.computed - 1;
  for (const Stretch& stretch : plan.stretches) {
    const bool completes = stretch.position + stretch.count == static_cast<std::int32_t>(stretch.sequence->tokens.size());
    if (stretch.sequence->tail == sequence.tail && completes) return;
  }
  const std::int32_t slot = tree_.slot(sequence.tail, last);
  plan.stretches.push_back({&sequence, last, 1, {slot}, sequence.runs, 0});
  plan.rows++;
  counters_.prefillRows++;
  counters_.cachedPromptTokens--;
}

struct SamplerViews {
  PassActivations pass;
  View gathered;  // (rows, C) states to be normed
  View rstd;
  View slice;   // (64, C)
  View logits;  // (64, V)
};

static SamplerViews layOutSampler(Arena& arena, const ModelConfig& config, const PassShape& shape) {
  SamplerViews views;
  views.pass = layOutPass(arena, config, shape);
  views.gathered = arena.matrix(shape.rows, config.hidden);
  views.rstd = arena.matrix(1, shape.rows);
  return views;
}

void Scheduler::layOut(Arena& arena, const ModelConfig& config, const PassShape& shape) {
  layOutSampler(arena, config, shape);
  arena.matrix(kLogitRows, config.hidden);
  arena.matrix(kLogitRows, config.vocabulary);
}

void Scheduler::run(Plan& plan) {
  const ModelConfig& config = model_.config();
  arena_.rewind(0);
  SamplerViews views;
  // Rows of one adapter lie together.
  std::stable_sort(plan.stretches.begin(), plan.stretches.end(), [](const Stretch& a, const Stretch& b) {
    return a.sequence->request->request.adapter < b.sequence->request->request.adapter;
  });
  std::vector<std::int32_t> tokens, positions, slots;
  std::vector<AttentionTile> tiles;
  std::vector<KeyRun> runs;
  std::vector<AdapterSpan> adapters;
  std::int64_t largestRank = 0;
  for (Stretch& stretch : plan.stretches) {
    const Sequence& sequence = *stretch.sequence;
    stretch.row = static_cast<std::int64_t>(tokens.size());
    for (std::int32_t i = 0; i < stretch.count; i++) {
      tokens.push_back(sequence.tokens[static_cast<std::size_t>(stretch.position + i)]);
      positions.push_back(stretch.position + i);
    }
    slots.insert(slots.end(), stretch.slots.begin(), stretch.slots.end());
    tiles.push_back({static_cast<std::int32_t>(stretch.row), stretch.count, stretch.position,
                     static_cast<std::int32_t>(runs.size()), static_cast<std::int32_t>(stretch.runs.size())});
    runs.insert(runs.end(), stretch.runs.begin(), stretch.runs.end());
#ifdef AGL_FAULT_SWAPPED_ADAPTER
    const Adapter* adapter = plan.stretches.front().sequence->request->request.weights;
#else
    const Adapter* adapter = sequence.request->request.weights;
#endif
    if (adapter != nullptr) largestRank = std::max(largestRank, adapter->largestRank());
    if (!adapters.empty() && adapters.back().adapter == adapter) {
      adapters.back().rows += stretch.count;
    } else {
      adapters.push_back({stretch.row, stretch.count, adapter});
    }
  }
  // States that a draw needs: the last row of each stretch that completes its sequence.
  std::vector<std::int64_t> lastRows;
  std::vector<std::int64_t> hiddenRows(plan.stretches.size(), -1);
  if (plan.rows > 0) {
    PassShape shape;
    shape.rows = plan.rows;
    shape.largestRank = largestRank;
    shape.headNorms = model_.weights().layer(0).qNorm.data != nullptr;
    views = layOutSampler(arena_, config, shape);
    model_.forward({tokens, positions, tiles, runs, adapters, slots}, views.pass, &memory_);
    counters_.passes++;
    counters_.largestPass = std::max(counters_.largestPass, plan.rows);
    const View last = views.pass.residual(config.layers);
    for (std::size_t i = 0; i < plan.stretches.size(); i++) {
      const Stretch& stretch = plan.stretches[i];
      if (stretch.position + stretch.count != static_cast<std::int32_t>(stretch.sequence->tokens.size())) continue;
      hiddenRows[i] = static_cast<std::int64_t>(lastRows.size());
      lastRows.push_back(stretch.row + stretch.count - 1);
      std::copy_n(last.f32(lastRows.back()), config.hidden, views.gathered.f32(hiddenRows[i]));
    }
    if (!lastRows.empty()) {
      const View states = views.gathered.slice(0, static_cast<std::int64_t>(lastRows.size()));
      model_.ops().rmsNorm.forward(model_.context(), states, views.rstd, states, model_.weights().finalNorm(),
                                   config.normEps);
    }
  }
  drawTokens(plan, views.gathered, hiddenRows);
}

void Scheduler::drawTokens(const Plan& plan, View normed, const std::vector<std::int64_t>& hiddenRows) {
  const ModelConfig& config = model_.config();
  // Prompt ends keep their state in the tree: the other choices of a group, and later requests, draw from it.
  std::vector<const float*> states;
  for (std::size_t i = 0; i < plan.stretches.size(); i++) {
    const Sequence& sequence = *plan.stretches[i].sequence;
    const bool promptEnd = sequence.tokens.size() == sequence.request->request.prompt.size();
    if (hiddenRows[i] < 0 || (!promptEnd && sequence.tail->pins < 2)) continue;
    const float* state = normed.f32(hiddenRows[i]);
    sequence.tail->hidden.assign(state, state + config.hidden);
  }
  for (const Sequence* sequence : plan.drawing) {
    const float* state = nullptr;
    for (std::size_t i = 0; i < plan.stretches.size() && state == nullptr; i++) {
      if (plan.stretches[i].sequence == sequence && hiddenRows[i] >= 0) state = normed.f32(hiddenRows[i]);
    }
    states.push_back(state != nullptr ? state : sequence->tail->hidden.data());
  }
  const View slice = arena_.matrix(std::min(kLogitRows, static_cast<std::int64_t>(states.size())), config.hidden);
  const View logits = arena_.matrix(slice.rows, config.vocabulary);
  for (std::size_t begin = 0; begin < states.size(); begin += static_cast<std::size_t>(kLogitRows)) {
    const std::size_t count = std::min(states.size() - begin, static_cast<std::size_t>(kLogitRows));
    const auto rows = static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; i++) {
      std::copy_n(states[begin + i], config.hidden, slice.f32(static_cast<std::int64_t>(i)));
    }
    model_.ops().linear.forward(model_.context(), logits.slice(0, rows), slice.slice(0, rows), model_.weights().head());
    for (std::size_t i = 0; i < count; i++) {
      Sequence& sequence = *plan.drawing[begin + i];
      const SampleRequest& request = sequence.request->request;
      const View row = logits.slice(static_cast<std::int64_t>(i), 1);
      const float inverseTemperature = request.draw.temperature == 0 ? 1.0F : 1.0F / request.draw.temperature;
      const auto position = static_cast<std::uint32_t>(sequence.tokens.size() - request.prompt.size());
      accept(sequence, draw(row, gatherStatistics(model_.context(), model_.ops(), row, inverseTemperature), request.draw,
                            {request.seed, sequence.request->promptHash, static_cast<std::uint32_t>(sequence.choice),
                             position}));
    }
  }
}

void Scheduler::accept(Sequence& sequence, const Drawn& drawn) {
  const SampleRequest& request = sequence.request->request;
  if (!std::isfinite(drawn.logprob)) {
    throw Error("E_NONFINITE", "policy.sample: expected finite logits, got a log-probability of " +
                                   std::to_string(drawn.logprob) + "; the weights are damaged");
  }
  Choice& choice = sequence.request->choices[static_cast<std::size_t>(sequence.choice)];
  choice.tokens.push_back(drawn.token);
  choice.logprobs.push_back(drawn.logprob);
  choice.top.insert(choice.top.end(), drawn.top.begin(), drawn.top.end());
  sequence.tokens.push_back(drawn.token);
  counters_.sampledTokens++;
  if (request.onToken) request.onToken(sequence.choice, drawn.token, drawn.logprob);
  const auto length = static_cast<std::int64_t>(choice.tokens.size());
  if (std::find(request.stopTokens.begin(), request.stopTokens.end(), drawn.token) != request.stopTokens.end()) {
    finish(sequence, FinishReason::stop);
  } else if (length >= request.maxTokens ||
             static_cast<std::int64_t>(sequence.tokens.size()) >= model_.config().contextLength) {
    finish(sequence, FinishReason::length);
  }
}

void Scheduler::finish(Sequence& sequence, FinishReason reason) {
  Request& request = *sequence.request;
  request.choices[static_cast<std::size_t>(sequence.choice)].finishReason = reason;
  sequence.done = true;
  if (sequence.tail != nullptr) tree_.unpin(sequence.tail);
  sequence.tail = nullptr;
  sequence.reserved = 0;
  if (--request.unfinished == 0) request.request.onDone(std::move(request.choices));
}

void Scheduler::sweep() {
  std::erase_if(sequences_, [](const auto& sequence) { return sequence->done; });
}

}  // namespace agl
