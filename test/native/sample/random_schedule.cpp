#include "sample/random_schedule.h"

#include <algorithm>
#include <cstring>

#include "core/philox.h"
#include "harness.h"

namespace agl::test {

constexpr std::int64_t kLargestRank = 8;

RandomSchedule::RandomSchedule(const RandomModel& model, EngineOptions options, std::uint64_t seed)
    : model_(model), seed_(seed), options_(options), engine_(std::move(options)) {
  adapters_.push_back(engine_.addAdapter(model_.targets(kLargestRank, 2), {}, seed));
  perturb(engine_, adapters_[0], 0.02F, seed);
}

void RandomSchedule::act() {
  const std::uint32_t choice = below(100);
  if (choice < 25) {
    addRequest();
  } else if (choice < 75) {
    engine_.sampleStep();
  } else if (choice < 83) {
    cancelOne();
  } else if (choice < 88) {
    update(randomAdapter());
  } else if (choice < 92) {
    train(randomAdapter());
  } else if (choice < 94) {
    addAdapter();
  } else if (choice < 96) {
    removeAdapter();
  } else if (choice < 99) {
    checkAll(randomAdapter());
  } else {
    engine_.scheduler().dropCache(-1);  // as if everything had been evicted
  }
  for (Text& text : texts_) {
    if (text.isDone) check(text);
  }
  std::erase_if(texts_, [](const Text& text) { return text.isDone; });
}

void RandomSchedule::cancelAll() {
  for (std::int64_t id = 0; id < nextId_; id++) engine_.scheduler().cancel(id, -1, 0);
  expect(engine_.scheduler().idle(), "a cancelled request runs");
  expect(engine_.scheduler().heldBlocks() == 0, "a cancelled request holds blocks");
  for (Text& text : texts_) check(text);
  texts_.clear();
}

void RandomSchedule::finish() {
  while (!engine_.scheduler().idle()) engine_.sampleStep();
  for (Text& text : texts_) {
    expect(text.isDone, "a request never ended");
    check(text);
  }
  texts_.clear();
  expect(engine_.scheduler().heldBlocks() == 0, "nothing runs and blocks are held");

  // A block that was lost would be missing now: the longest sequence takes all but one.
  const std::int64_t context = options_.model.contextLength;
  Sampled longest;
  start(engine_, request(randomTokens(context - 1, options_.model.vocabulary, seed_), 1, 1, adapters_[0], 1), longest);
  finishAll(engine_);
  expect(longest.error.empty(), longest.error);

  // Sequences that share nothing: they begin with different tokens.
  Batch full;
  std::int32_t first = 0;
  for (std::int64_t rows = options_.trainTokens; rows > 0; rows -= context - 1) {
    auto tokens = randomTokens(std::min(rows, context - 1) + 1, options_.model.vocabulary, seed_);
    tokens[0] = first++;
    full.add(tokens);
  }
  engine_.forward(full.view(), adapters_[0], 1, true);
  const auto highWater = [](Arena& arena) { return static_cast<std::int64_t>(arena.highWater()); };
  expect(highWater(engine_.activations()) == engine_.plan().activations, "activations use other bytes than planned");
  expect(static_cast<std::int64_t>(engine_.weights().arena().highWater()) == engine_.plan().weights,
         "weights use other bytes than planned");
}

// --- internal ---

std::uint32_t RandomSchedule::below(std::uint32_t limit) { return philox({drawn_++, 0, 5, 0}, seed_)[0] % limit; }

int RandomSchedule::randomAdapter() { return adapters_[below(static_cast<std::uint32_t>(adapters_.size()))]; }

// Prompts that share beginnings: a stretch of one of three trunks, then something of its own or nothing; sometimes what a running text has said.
std::vector<std::int32_t> RandomSchedule::randomPrompt() {
  const auto context = static_cast<std::uint32_t>(options_.model.contextLength);
  std::vector<std::int32_t> prompt;
  if (!texts_.empty() && below(4) == 0) {
    prompt = std::next(texts_.begin(), below(static_cast<std::uint32_t>(texts_.size())))->tokens;
    prompt.resize(std::min<std::size_t>(prompt.size(), context - 8));
  } else {
    const auto trunk = randomTokens(context - 8, options_.model.vocabulary, below(3));
    prompt.assign(trunk.begin(), trunk.begin() + below(context - 30));
  }
  const auto own = randomTokens(below(22), options_.model.vocabulary, below(1000));
  if (prompt.size() + own.size() < context - 8) prompt.insert(prompt.end(), own.begin(), own.end());
  if (prompt.empty()) prompt.push_back(1);
  return prompt;
}

void RandomSchedule::addRequest() {
  if (texts_.size() > 24) return;
  constexpr float kTemperatures[] = {1, 0.7F, 0};
  const int adapter = below(4) == 0 ? -1 : randomAdapter();
  SampleRequest made = request(randomPrompt(), 1 + static_cast<int>(below(4)), 1 + below(40), adapter, below(8));
  made.id = nextId_++;
  made.draw.temperature = kTemperatures[below(3)];
  std::vector<Text*> texts;
  for (int choice = 0; choice < made.choices; choice++) {
    Text text;
    text.id = made.id;
    text.choice = choice;
    text.adapter = adapter;
    text.temperature = made.draw.temperature == 0 ? 1 : made.draw.temperature;
    text.tokens = made.prompt;
    text.promptSize = made.prompt.size();
    texts_.push_back(text);
    texts.push_back(&texts_.back());
  }
  made.onToken = [texts](const SampledToken& sampled) {
    Text& text = *texts[static_cast<std::size_t>(sampled.choice)];
    text.tokens.push_back(sampled.token);
    text.logprobs.push_back(sampled.logprob);
    text.versions.push_back(sampled.version);
  };
  made.onDone = [this, texts](const std::vector<Choice>& choices) {
    for (std::size_t i = 0; i < choices.size(); i++) {
      Text& text = *texts[i];
      const Choice& choice = choices[i];
      expect(std::equal(choice.tokens.begin(), choice.tokens.end(), text.tokens.begin() + static_cast<std::ptrdiff_t>(text.promptSize)),
             "the answer has other tokens than its stream");
      expect(choice.versions.size() == choice.tokens.size(), "a token without a version");
      expect(std::equal(choice.versions.begin(), choice.versions.end(), text.versions.begin()),
             "the answer has other versions than its stream");
      text.isDone = true;
    }
  };
  made.onError = [this](const char* code, const std::string& message) { expect(false, std::string(code) + " " + message); };
  engine_.addSample(std::move(made));
}

void RandomSchedule::cancelOne() {
  if (texts_.empty()) return;
  const Text& text = *std::next(texts_.begin(), below(static_cast<std::uint32_t>(texts_.size())));
  engine_.scheduler().cancel(text.id, below(2) == 0 ? -1 : text.choice, below(3));
}

void RandomSchedule::update(int adapter) {
  checkAll(adapter);
  perturb(engine_, adapter, 0.02F, seed_ + drawn_);
}

void RandomSchedule::train(int adapter) {
  Batch batch;
  for (const Text& text : texts_) {
    if (text.adapter == adapter && text.tokens.size() > 1 && batch.tokens.size() < 200) batch.add(text.tokens);
  }
  if (batch.tokens.empty()) return;
  checkAll(adapter);
  const Scores scores = engine_.forward(batch.view(), adapter, 1, true);
  std::vector<double> dLogprobs(scores.logprobs.size(), -0.1);
  engine_.backward(dLogprobs, std::vector<double>(scores.logprobs.size(), 0.0));
  const AdamwStep step{0.01, 0.9, 0.95, 1e-8, 0, 1, 1};
  engine_.optimStep(adapter, {step, 1.0});
}

void RandomSchedule::addAdapter() {
  if (adapters_.size() >= 4) return;
  adapters_.push_back(engine_.addAdapter(model_.targets(1 + below(kLargestRank), 1), {}, drawn_));
  perturb(engine_, adapters_.back(), 0.02F, seed_ + drawn_);
}

void RandomSchedule::removeAdapter() {
  if (adapters_.size() < 2) return;
  const int adapter = adapters_.back();
  if (engine_.scheduler().isNeeded(adapter)) return;
  checkAll(adapter);
  engine_.removeAdapter(adapter);
  adapters_.pop_back();
}

void RandomSchedule::check(Text& text) {
  const std::size_t count = text.logprobs.size() - text.checked;
  if (count == 0) return;
  Batch alone;
  alone.add(text.tokens);
  const Scores scores = engine_.forward(alone.view(), text.adapter, text.temperature, false);
  const float* expected = scores.logprobs.data() + text.promptSize - 1 + text.checked;
  expect(std::memcmp(expected, text.logprobs.data() + text.checked, count * sizeof(float)) == 0,
         "a sampled log-probability is not the score of its text alone");
  const auto version = static_cast<std::int32_t>(engine_.version(text.adapter));
  expect(std::all_of(text.versions.begin() + static_cast<std::ptrdiff_t>(text.checked), text.versions.end(),
                     [version](std::int32_t each) { return each == version; }),
         "a token has another version than the weights that sampled it");
  if (text.checked > 0 && text.versions[text.checked - 1] != version) carriedTexts_++;
  checkedTokens_ += static_cast<std::int64_t>(count);
  text.checked = text.logprobs.size();
}

void RandomSchedule::checkAll(int adapter) {
  for (Text& text : texts_) {
    if (text.adapter == adapter) check(text);
  }
}

void RandomSchedule::expect(bool holds, const std::string& what) {
  if (!holds) fail("random schedule", static_cast<int>(drawn_), "seed " + std::to_string(seed_) + ": " + what);
}

}  // namespace agl::test
