#include "sample/scheduler.h"

#include <algorithm>

#include "core/error.h"
#include "core/fault.h"
#include "sample/prompt_hash.h"

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
    const SampleRequest& asked = shared->request;
    if (asked.constraint != nullptr) {
      sequence->matcher = std::make_unique<Matcher>(asked.constraint, asked.stopTokens, asked.constraintAfter);
    }
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
      result.versions.resize(static_cast<std::size_t>(keep));
      if (!result.mass.empty()) result.mass.resize(static_cast<std::size_t>(keep));
      std::erase_if(result.forced, [keep](std::int32_t at) { return at >= keep; });
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

void Scheduler::dropCache(int adapter) {
  for (const auto& sequence : sequences_) {
    if (adapter >= 0 && sequence->request->request.adapter != adapter) continue;
    if (isPlanted("CARRIED_STALE") && sequence->tail != nullptr) return;
    if (sequence->tail != nullptr) tree_.unpin(sequence->tail);
    sequence->carried = std::max(sequence->carried, sequence->computed);
    sequence->admitted = false;
    sequence->tail = nullptr;
    sequence->runs.clear();
    sequence->computed = 0;
    sequence->reserved = 0;
  }
  adapter < 0 ? tree_.dropAll() : tree_.drop(adapter);
}

bool Scheduler::isNeeded(int adapter) const {
  return std::any_of(sequences_.begin(), sequences_.end(),
                     [adapter](const auto& sequence) { return sequence->request->request.adapter == adapter; });
}

// --- internal ---

std::int64_t Scheduler::reservedBlocks() const {
  std::int64_t total = 0;
  for (const auto& sequence : sequences_) total += sequence->reserved;
  return total;
}

Scheduler::Plan Scheduler::plan() {
  Plan plan;
  for (const auto& sequence : sequences_) {
    if (!sequence->admitted) continue;
    plan.admitted++;
    if (sequence->left() == 1) extend(*sequence, 1, plan);
  }
  admitWaiting(plan);
  sharePass(plan);
  // Who waited for a prefix that is planned now can share it.
  admitWaiting(plan);
  return plan;
}

void Scheduler::admitWaiting(Plan& plan) {
  for (const auto& sequence : sequences_) {
    if (!sequence->admitted && !admit(*sequence, plan) && !isPlanted("PASSED_BY")) return;
  }
}

// The rows that are left, among the prompts: half evenly, then in order of arrival.
void Scheduler::sharePass(Plan& plan) {
  std::vector<Sequence*> prompts;
  for (const auto& sequence : sequences_) {
    if (sequence->admitted && sequence->left() > 0) prompts.push_back(sequence.get());
  }
  if (prompts.empty()) return;
  const std::int64_t rows = batchTokens_ - plan.rows;
  const auto count = static_cast<std::int64_t>(prompts.size());
  const std::int64_t even = isPlanted("STARVED_PROMPT") ? 1 : std::max<std::int64_t>(1, rows / 2 / count);
  std::int64_t spare = rows;
  for (const Sequence* prompt : prompts) spare -= std::min<std::int64_t>(even, prompt->left());
  for (Sequence* prompt : prompts) {
    const std::int64_t share = std::min<std::int64_t>(even, prompt->left());
    const std::int64_t more = std::min<std::int64_t>(spare, prompt->left() - share);
    spare -= more;
    extend(*prompt, share + more, plan);
  }
}

// False when nobody after it may be admitted either, in fairness.
bool Scheduler::admit(Sequence& sequence, Plan& plan) {
  if (plan.rows >= batchTokens_ || plan.admitted >= batchTokens_) return false;
  TokenTree::Node* node = tree_.match(tree_.root(sequence.request->request.adapter), sequence.tokens);
  if (mustWait(sequence, node)) return true;
  if (!reserve(sequence, node)) {
    if (plan.admitted > 0 || node->parent == nullptr || isPlanted("LOCKED_MEMORY")) return false;
    // Alone, and what it shares lies in so many blocks begun by others that its own do not fit beside them: it begins anew.
    tree_.makeRoom(memory_.blocks());
    return admit(sequence, plan);
  }
  sequence.admitted = true;
  plan.admitted++;
  sequence.tail = node;
  sequence.runs = tree_.runs(node);
  sequence.computed = node->end();
  if (sequence.carried == 0) counters_.cachedPromptTokens += sequence.computed;
  if (sequence.left() == 0) repeatLastRow(sequence, plan);
  return true;
}

// Room for all that the sequence may come to be, and pins it to the node.
bool Scheduler::reserve(Sequence& sequence, TokenTree::Node* node) {
  const SampleRequest& request = sequence.request->request;
  const std::int64_t longest = std::min(static_cast<std::int64_t>(request.prompt.size()) + request.maxTokens,
                                        model_.config().contextLength);
  const std::int64_t needed = blocksFor(longest) - node->end() / kBlock + 1;
  // Whoever else ends here leaves this one's block, or this one theirs.
  std::vector<Sequence*> others;
  for (const auto& other : sequences_) {
    if (other->tail == node && !other->maySplit && node->end() % kBlock != 0) others.push_back(other.get());
  }
  tree_.pin(node);
  if (!tree_.makeRoom(reservedBlocks() + needed + static_cast<std::int64_t>(others.size()))) {
    tree_.unpin(node);
    return false;
  }
  for (Sequence* other : others) {
    other->reserved++;
    other->maySplit = true;
  }
  sequence.reserved = needed;
  sequence.maySplit = true;
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

// The next rows of the sequence.
void Scheduler::extend(Sequence& sequence, std::int64_t rows, Plan& plan) {
  const auto count = static_cast<std::int32_t>(rows);
  Stretch stretch{&sequence, sequence.computed, count, {}, {}, 0};
  for (std::int32_t i = 0; i < count; i++) {
    const std::int64_t freeBefore = tree_.freeBlocks();
    const std::int32_t slot = tree_.append(sequence.tail, sequence.tokens[static_cast<std::size_t>(sequence.computed)]);
    const std::int64_t taken = freeBefore - tree_.freeBlocks();
    if (taken > 0 && sequence.computed % kBlock != 0) sequence.maySplit = false;
    sequence.reserved -= taken;
    sequence.computed++;
    appendRun(sequence.runs, {slot, 1});
    stretch.slots.push_back(slot);
  }
  stretch.runs = sequence.runs;
  plan.rows += count;
  const std::int32_t again = std::clamp(sequence.carried - stretch.position, 0, count);
  counters_.carriedRows += again;
  const bool decoding = sequence.tokens.size() > sequence.request->request.prompt.size();
  (decoding ? counters_.decodeRows : counters_.prefillRows) += count - again;
  plan.stretches.push_back(std::move(stretch));
  if (sequence.left() == 0) plan.drawing.push_back(&sequence);
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
  (sequence.carried > 0 ? counters_.carriedRows : counters_.prefillRows)++;
  if (sequence.carried == 0) counters_.cachedPromptTokens--;
}

void Scheduler::finish(Sequence& sequence, FinishReason reason) {
  Request& request = *sequence.request;
  request.choices[static_cast<std::size_t>(sequence.choice)].finishReason = reason;
  if (isPlanted("CANCELLED_PIN") && reason == FinishReason::aborted) sequence.tail = nullptr;
  leave(sequence);
  if (--request.unfinished == 0) request.request.onDone(std::move(request.choices));
}

void Scheduler::fail(const std::shared_ptr<Request>& request, const char* code, const std::string& message) {
  for (const auto& sequence : sequences_) {
    if (sequence->request == request && !sequence->done) leave(*sequence);
  }
  request->unfinished = 0;
  request->request.onError(code, message);
}

// Its place in memory, and the running batch.
void Scheduler::leave(Sequence& sequence) {
  sequence.done = true;
  if (sequence.tail != nullptr) tree_.unpin(sequence.tail);
  sequence.tail = nullptr;
  sequence.reserved = 0;
}

void Scheduler::sweep() {
  std::erase_if(sequences_, [](const auto& sequence) { return sequence->done; });
}

}  // namespace agl
