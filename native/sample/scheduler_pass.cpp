// One pass of the sampler: the rows that the scheduler planned go through the model, and every sequence that is complete draws a token.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "core/error.h"
#include "core/fault.h"
#include "sample/scheduler.h"

namespace agl {

// For D sequences that draw.
struct SamplerViews {
  PassActivations pass;
  View states;  // (D, C) normed
  View rstd;    // (1, D)
  View logits;  // (64, V)
};

static SamplerViews layOutSampler(Arena& arena, const ModelConfig& config, const PassShape& shape, std::int64_t drawing) {
  SamplerViews views;
  if (shape.rows > 0) views.pass = layOutPass(arena, config, shape);
  views.states = arena.matrix(drawing, config.hidden);
  views.rstd = arena.matrix(1, drawing);
  views.logits = arena.matrix(std::min(Scheduler::kLogitRows, drawing), config.vocabulary);
  return views;
}

// No more sequences than rows of a pass are admitted.
void Scheduler::layOut(Arena& arena, const ModelConfig& config, const PassShape& shape) {
  layOutSampler(arena, config, shape, shape.rows);
}

// The rows of a pass, on the host.
struct PassRows {
  std::vector<std::int32_t> tokens, positions, slots;
  std::vector<AttentionTile> tiles;
  std::vector<KeyRun> runs;
  std::vector<AdapterSpan> adapters;
  std::int64_t largestRank = 0;
};

void Scheduler::run(Plan& plan) {
  Device& device = model_.context().device;
  const PassRows rows = rowsOf(plan);
  const std::vector<std::int32_t> lastRows = rowsOfStates(plan);
  PassShape shape;
  shape.rows = plan.rows;
  shape.largestRank = rows.largestRank;
  shape.headNorms = model_.weights().layer(0).qNorm.data != nullptr;
  std::vector<Drawn> drawn(plan.drawing.size());
  {
    const DevicePass pass(device);
    arena_.rewind(0);
    const auto drawing = static_cast<std::int64_t>(plan.drawing.size());
    const SamplerViews views = layOutSampler(arena_, model_.config(), shape, drawing);
    if (plan.rows > 0) {
      const Rows staged = model_.stage(
          {rows.tokens, rows.positions, {rows.tiles, rows.runs}, rows.adapters, rows.slots}, false);
      model_.forward(staged, views.pass, &memory_);
      counters_.passes++;
      counters_.largestPass = std::max(counters_.largestPass, plan.rows);
    } else {
      device.beginStage();
    }
    gatherStates(plan, views, lastRows);
    drawTokens(plan, views, drawn);
    keepPromptStates(plan, views.states.slice(0, static_cast<std::int64_t>(lastRows.size())));
  }
  checkDevice(device);
  for (std::size_t i = 0; i < drawn.size(); i++) accept(*plan.drawing[i], drawn[i]);
}

PassRows Scheduler::rowsOf(Plan& plan) {
  // Rows of one adapter lie together.
  std::stable_sort(plan.stretches.begin(), plan.stretches.end(), [](const Stretch& a, const Stretch& b) {
    return a.sequence->request->request.adapter < b.sequence->request->request.adapter;
  });
  PassRows rows;
  for (Stretch& stretch : plan.stretches) {
    const Sequence& sequence = *stretch.sequence;
    stretch.row = static_cast<std::int64_t>(rows.tokens.size());
    for (std::int32_t i = 0; i < stretch.count; i++) {
      rows.tokens.push_back(sequence.tokens[static_cast<std::size_t>(stretch.position + i)]);
      rows.positions.push_back(stretch.position + i);
    }
    rows.slots.insert(rows.slots.end(), stretch.slots.begin(), stretch.slots.end());
    rows.tiles.push_back({static_cast<std::int32_t>(stretch.row), stretch.count, stretch.position,
                          static_cast<std::int32_t>(rows.runs.size()), static_cast<std::int32_t>(stretch.runs.size())});
    rows.runs.insert(rows.runs.end(), stretch.runs.begin(), stretch.runs.end());
    const Sequence& owner = isPlanted("SWAPPED_ADAPTER") ? *plan.stretches.front().sequence : sequence;
    const Adapter* adapter = owner.request->request.weights;
    if (adapter != nullptr) rows.largestRank = std::max(rows.largestRank, adapter->largestRank());
    if (!rows.adapters.empty() && rows.adapters.back().adapter == adapter) {
      rows.adapters.back().rows += stretch.count;
    } else {
      rows.adapters.push_back({stretch.row, stretch.count, adapter});
    }
  }
  return rows;
}

// Who draws from a state of this pass comes first, the others draw from one that the tree keeps. The rows of the former.
std::vector<std::int32_t> Scheduler::rowsOfStates(Plan& plan) {
  std::unordered_map<const TokenTree::Node*, std::int32_t> rows;
  for (const Stretch& stretch : plan.stretches) {
    if (stretch.position + stretch.count != static_cast<std::int32_t>(stretch.sequence->tokens.size())) continue;
    rows.emplace(stretch.sequence->tail, static_cast<std::int32_t>(stretch.row) + stretch.count - 1);
  }
  std::ranges::stable_partition(plan.drawing, [&rows](const Sequence* each) { return rows.contains(each->tail); });
  std::vector<std::int32_t> ofStates;
  for (const Sequence* sequence : plan.drawing) {
    const auto row = rows.find(sequence->tail);
    if (row != rows.end()) ofStates.push_back(row->second);
  }
  return ofStates;
}

void Scheduler::gatherStates(const Plan& plan, const SamplerViews& views, std::span<const std::int32_t> lastRows) {
  const ModelConfig& config = model_.config();
  Context& context = model_.context();
  const auto computed = static_cast<std::int64_t>(lastRows.size());
  if (computed > 0) {
    const View states = views.states.slice(0, computed);
    context.ops.rows.gather(context, states, views.pass.residual(config.layers), staged(context.device, lastRows));
    context.ops.rmsNorm.forward(context, states, views.rstd, states, model_.weights().finalNorm(), config.normEps);
  }
  const std::int64_t kept = views.states.rows - computed;
  if (kept == 0) return;
  std::vector<float> numbers;
  std::vector<std::int32_t> rows;
  for (std::int64_t i = 0; i < kept; i++) {
    const std::vector<float>& hidden = plan.drawing[static_cast<std::size_t>(computed + i)]->tail->hidden;
    numbers.insert(numbers.end(), hidden.begin(), hidden.end());
    rows.push_back(static_cast<std::int32_t>(i));
  }
  const float* from = staged(context.device, std::span<const float>(numbers)).data();
  context.ops.rows.gather(context, views.states.slice(computed, kept), matrix(const_cast<float*>(from), kept, config.hidden),
                          staged(context.device, std::span<const std::int32_t>(rows)));
}

// What the next token of a sequence is drawn with.
DrawRow Scheduler::drawOf(const Sequence& sequence) {
  const SampleRequest& request = sequence.request->request;
  const auto position = static_cast<std::uint32_t>(sequence.tokens.size() - request.prompt.size());
  return {request.draw,
          {request.seed, sequence.request->promptHash, static_cast<std::uint32_t>(sequence.choice), position},
          nullptr};
}

// On a device they are filled while the pass computes.
void Scheduler::fillMasks(std::span<Sequence* const> drawing, std::vector<DrawRow>& draws) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < drawing.size(); i++) {
    if (drawing[i]->matcher != nullptr) rows.push_back(i);
  }
  if (rows.empty()) return;
  const auto words = static_cast<std::size_t>((model_.config().vocabulary + 63) / 64);
  masks_.resize(rows.size() * words);
  model_.context().pool.run(static_cast<std::int64_t>(rows.size()), 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); i++) {
      Sequence& sequence = *drawing[rows[i]];
      sequence.mask = sequence.matcher->tryFill(std::span(masks_).subspan(i * words, words));
    }
  });
  for (std::size_t i = 0; i < rows.size(); i++) {
    if (drawing[rows[i]]->mask.kind == Matcher::Kind::masked) draws[rows[i]].allowed = masks_.data() + i * words;
  }
}

void Scheduler::drawTokens(const Plan& plan, const SamplerViews& views, std::vector<Drawn>& drawn) {
  Context& context = model_.context();
  for (std::int64_t begin = 0; begin < views.states.rows; begin += kLogitRows) {
    const View states = views.states.slice(begin, std::min(kLogitRows, views.states.rows - begin));
    const View logits = views.logits.slice(0, states.rows);
    context.ops.linear.forward(context, logits, states, model_.weights().head());
    std::vector<DrawRow> draws;
    for (std::int64_t i = 0; i < states.rows; i++) draws.push_back(drawOf(*plan.drawing[static_cast<std::size_t>(begin + i)]));
    fillMasks(std::span(plan.drawing).subspan(static_cast<std::size_t>(begin), draws.size()), draws);
    context.ops.draw.forward(context, std::span(drawn).subspan(static_cast<std::size_t>(begin), draws.size()), logits, draws);
  }
}

// Prompt ends keep their state in the tree: the other choices of a group, and later requests, draw from it. Read after the
// draw, when nothing is under way any more.
void Scheduler::keepPromptStates(const Plan& plan, View computed) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < computed.rows; i++) {
    const Sequence& sequence = *plan.drawing[static_cast<std::size_t>(i)];
    const bool promptEnd = sequence.tokens.size() == sequence.request->request.prompt.size();
    if ((!promptEnd && sequence.tail->pins < 2) || !sequence.tail->hidden.empty()) continue;
    if (numbers.empty()) numbers = readFloats(model_.context().device, computed);
    const float* state = numbers.data() + i * computed.cols;
    sequence.tail->hidden.assign(state, state + computed.cols);
  }
}

// False where the constraint had no token left: the request has ended.
bool Scheduler::acceptMasked(Sequence& sequence, const Drawn& drawn, SampledToken& sampled) {
  if (sequence.mask.kind == Matcher::Kind::dead) {
    fail(sequence.request, "E_ARGUMENT",
         "policy.sample: expected a constraint that leaves a token, it left none here: stop names tokens that its text needs");
    return false;
  }
  sampled.isForced = sequence.mask.isForced;
  sampled.mass = sequence.mask.kind == Matcher::Kind::masked ? drawn.mass : std::numeric_limits<float>::quiet_NaN();
  Choice& choice = sequence.request->choices[static_cast<std::size_t>(sequence.choice)];
  if (sampled.isForced) choice.forced.push_back(static_cast<std::int32_t>(choice.tokens.size()));
  choice.mass.push_back(sampled.mass);
  sequence.matcher->advance(drawn.token);
  return true;
}

void Scheduler::accept(Sequence& sequence, const Drawn& drawn) {
  if (sequence.done) return;  // with its request
  const SampleRequest& request = sequence.request->request;
  if (!std::isfinite(drawn.logprob)) {
    throw Error("E_NONFINITE", "policy.sample: expected finite logits, got a log-probability of " +
                                   std::to_string(drawn.logprob) + "; the weights are damaged");
  }
  SampledToken sampled{sequence.choice, drawn.token, drawn.logprob, 0, std::numeric_limits<float>::quiet_NaN(), false};
  if (sequence.matcher != nullptr && !acceptMasked(sequence, drawn, sampled)) return;
  Choice& choice = sequence.request->choices[static_cast<std::size_t>(sequence.choice)];
  choice.tokens.push_back(drawn.token);
  choice.logprobs.push_back(drawn.logprob);
  const std::int64_t version = request.weights == nullptr ? model_.weights().version() : request.weights->version();
  choice.versions.push_back(static_cast<std::int32_t>(version));
  if (isPlanted("STALE_VERSION")) choice.versions.back() = choice.versions.front();
  choice.top.insert(choice.top.end(), drawn.top.begin(), drawn.top.end());
  sequence.tokens.push_back(drawn.token);
  counters_.sampledTokens++;
  sampled.version = choice.versions.back();
  if (request.onToken) request.onToken(sampled);
  const auto length = static_cast<std::int64_t>(choice.tokens.size());
  if (std::find(request.stopTokens.begin(), request.stopTokens.end(), drawn.token) != request.stopTokens.end()) {
    finish(sequence, FinishReason::stop);
  } else if (length >= request.maxTokens ||
             static_cast<std::int64_t>(sequence.tokens.size()) >= model_.config().contextLength) {
    finish(sequence, FinishReason::length);
  }
}

}  // namespace agl
