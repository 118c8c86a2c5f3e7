// One pass of the sampler: the rows that the scheduler planned go through the model, and every sequence that is complete draws a token.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "sample/scheduler.h"

namespace agl {

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
  std::vector<std::int32_t> lastRows;
  std::vector<std::int64_t> hiddenRows(plan.stretches.size(), -1);
  if (plan.rows > 0) {
    PassShape shape;
    shape.rows = plan.rows;
    shape.largestRank = largestRank;
    shape.headNorms = model_.weights().layer(0).qNorm.data != nullptr;
    views = layOutSampler(arena_, config, shape);
    model_.forward(model_.stage({tokens, positions, {tiles, runs}, adapters, slots}, false), views.pass, &memory_);
    counters_.passes++;
    counters_.largestPass = std::max(counters_.largestPass, plan.rows);
    for (std::size_t i = 0; i < plan.stretches.size(); i++) {
      const Stretch& stretch = plan.stretches[i];
      if (stretch.position + stretch.count != static_cast<std::int32_t>(stretch.sequence->tokens.size())) continue;
      hiddenRows[i] = static_cast<std::int64_t>(lastRows.size());
      lastRows.push_back(static_cast<std::int32_t>(stretch.row) + stretch.count - 1);
    }
    if (!lastRows.empty()) {
      Context& context = model_.context();
      const View states = views.gathered.slice(0, static_cast<std::int64_t>(lastRows.size()));
      context.ops.rows.gather(context, states, views.pass.residual(config.layers),
                              staged(context.device, std::span<const std::int32_t>(lastRows)));
      context.ops.rmsNorm.forward(context, states, views.rstd, states, model_.weights().finalNorm(), config.normEps);
    }
  }
  drawTokens(plan, views.gathered.slice(0, static_cast<std::int64_t>(lastRows.size())), hiddenRows);
}

void Scheduler::drawTokens(const Plan& plan, View normed, const std::vector<std::int64_t>& hiddenRows) {
  const ModelConfig& config = model_.config();
  Context& context = model_.context();
  // Prompt ends keep their state in the tree: the other choices of a group, and later requests, draw from it.
  std::vector<float> computed;
  for (std::size_t i = 0; i < plan.stretches.size(); i++) {
    const Sequence& sequence = *plan.stretches[i].sequence;
    const bool promptEnd = sequence.tokens.size() == sequence.request->request.prompt.size();
    if (hiddenRows[i] < 0 || (!promptEnd && sequence.tail->pins < 2)) continue;
    if (computed.empty()) computed = readFloats(context.device, normed);
    const float* state = computed.data() + hiddenRows[i] * config.hidden;
    sequence.tail->hidden.assign(state, state + config.hidden);
  }
  // Where the state of each lies: a row of `normed`, or on the host below 0.
  std::vector<std::int32_t> states;
  for (const Sequence* sequence : plan.drawing) {
    std::int64_t row = -1;
    for (std::size_t i = 0; i < plan.stretches.size() && row < 0; i++) {
      if (plan.stretches[i].sequence == sequence) row = hiddenRows[i];
    }
    states.push_back(static_cast<std::int32_t>(row));
  }
  const View slice = arena_.matrix(std::min(kLogitRows, static_cast<std::int64_t>(states.size())), config.hidden);
  const View logits = arena_.matrix(slice.rows, config.vocabulary);
  for (std::size_t begin = 0; begin < states.size(); begin += static_cast<std::size_t>(kLogitRows)) {
    const std::size_t count = std::min(states.size() - begin, static_cast<std::size_t>(kLogitRows));
    const auto rows = static_cast<std::int64_t>(count);
    for (std::int64_t i = 0; i < rows; i++) {
      const std::size_t at = begin + static_cast<std::size_t>(i);
      const View to = slice.slice(i, 1);
      const std::size_t bytes = static_cast<std::size_t>(config.hidden) * sizeof(float);
      if (states[at] < 0) {
        context.device.copyIn(to.data, plan.drawing[at]->tail->hidden.data(), bytes);
      } else {
        context.device.copy(to.data, normed.slice(states[at], 1).data, bytes);
      }
    }
    context.ops.linear.forward(context, logits.slice(0, rows), slice.slice(0, rows), model_.weights().head());
    for (std::size_t i = 0; i < count; i++) {
      Sequence& sequence = *plan.drawing[begin + i];
      const SampleRequest& request = sequence.request->request;
      const View row = logits.slice(static_cast<std::int64_t>(i), 1);
      const float inverseTemperature = request.draw.temperature == 0 ? 1.0F : 1.0F / request.draw.temperature;
      const auto position = static_cast<std::uint32_t>(sequence.tokens.size() - request.prompt.size());
      accept(sequence, draw(row, gatherStatistics(context, row, inverseTemperature), request.draw,
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
  const std::int64_t version = request.weights == nullptr ? model_.weights().version() : request.weights->version();
#ifdef AGL_FAULT_STALE_VERSION
  choice.versions.push_back(choice.versions.empty() ? static_cast<std::int32_t>(version) : choice.versions[0]);
#else
  choice.versions.push_back(static_cast<std::int32_t>(version));
#endif
  choice.top.insert(choice.top.end(), drawn.top.begin(), drawn.top.end());
  sequence.tokens.push_back(drawn.token);
  counters_.sampledTokens++;
  if (request.onToken) request.onToken(sequence.choice, drawn.token, drawn.logprob, choice.versions.back());
  const auto length = static_cast<std::int64_t>(choice.tokens.size());
  if (std::find(request.stopTokens.begin(), request.stopTokens.end(), drawn.token) != request.stopTokens.end()) {
    finish(sequence, FinishReason::stop);
  } else if (length >= request.maxTokens ||
             static_cast<std::int64_t>(sequence.tokens.size()) >= model_.config().contextLength) {
    finish(sequence, FinishReason::length);
  }
}

}  // namespace agl
