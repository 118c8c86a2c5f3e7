// Laws of the engine: one arithmetic on every path, each distinct token once, the same seed the same run.
#include "engine.h"

#include <cmath>
#include <cstring>
#include <map>

#include "random_model.h"

namespace {

using namespace agl;
using namespace agl::test;

struct Adapted {
  explicit Adapted(const ModelSize& size, int threads = 1, std::optional<Isa> isa = {}) : model(size) {
    EngineOptions options = model.options();
    options.threads = threads;
    options.isa = isa;
    engine = std::make_unique<Engine>(options);
    adapter = engine->addAdapter(model.targets(8, 2), {}, 3);
    perturb(*engine, adapter, 0.02F, 11);
  }
  RandomModel model;
  std::unique_ptr<Engine> engine;
  int adapter;
};

bool sameFloats(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

const ModelSize kShapes[] = {
    {},
    {.hidden = 80, .heads = 5, .kvHeads = 1, .headSize = 40, .intermediate = 130, .vocabulary = 5003, .tie = false,
     .biases = false, .headNorms = true},
};

}  // namespace

LAW("sample and forward give the same log-probability bits at and around every block boundary") {
  for (ModelSize shape : kShapes) {
    shape.compute = compute;
    Adapted at(shape);
    const std::vector<std::int64_t> few = {1, 32, 129};
    const std::vector<std::int64_t> all = {1, 2, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 257, 300};
    for (const std::int64_t length : compute.isSlow() ? few : all) {
      const auto prompt = randomTokens(length, shape.vocabulary, 100 + static_cast<std::uint64_t>(length));
      for (const int adapter : compute.isSlow() ? std::vector{at.adapter} : std::vector{-1, at.adapter}) {
        Sampled sampled;
        SampleRequest made = request(prompt, 2, 5, adapter, 5);
        made.draw.temperature = 0.7F;
        start(*at.engine, made, sampled);
        finishAll(*at.engine);
        CHECK(sampled.error.empty());
        CHECK(sampled.choices.size() == 2 && sampled.choices[0].tokens.size() == 5);
        CHECK(sameBits(*at.engine, prompt, sampled.choices, adapter, 0.7F));
      }
    }
  }
}

LAW("requests that join, leave, share prefixes and follow other adapters keep their bits") {
  Adapted at({.compute = compute});
  const int second = at.engine->addAdapter(at.model.targets(4, 1), {}, 4);
  perturb(*at.engine, second, 0.03F, 21);
  const auto common = randomTokens(150, 300, 1);
  std::vector<std::vector<std::int32_t>> prompts;
  std::vector<int> adapters;
  for (std::uint64_t i = 0; i < (compute.isSlow() ? 9 : 24); i++) {
    // Cut the common prefix anywhere, go on with something of its own; every third repeats the one before it.
    std::vector<std::int32_t> prompt(common.begin(), common.begin() + static_cast<std::ptrdiff_t>((i * 37) % 150));
    const auto tail = randomTokens(static_cast<std::int64_t>(1 + (i * 13) % 60), 300, 50 + i);
    prompt.insert(prompt.end(), tail.begin(), tail.end());
    prompts.push_back(i % 3 == 2 ? prompts.back() : prompt);
    adapters.push_back(i % 3 == 2 ? adapters.back() : i % 4 == 0 ? -1 : i % 2 == 0 ? at.adapter : second);
  }
  std::vector<Sampled> results(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); i++) {
    SampleRequest made = request(prompts[i], 1 + static_cast<int>(i % 3), 3 + static_cast<std::int64_t>(i % 7), adapters[i], i);
    made.id = static_cast<std::int64_t>(i);
    start(*at.engine, made, results[i]);
    if (i % 2 == 0) at.engine->sampleStep();
  }
  finishAll(*at.engine);
  for (std::size_t i = 0; i < prompts.size(); i++) {
    CHECK(results[i].error.empty());
    CHECK(sameBits(*at.engine, prompts[i], results[i].choices, adapters[i], 1));
  }
}

LAW("packed, forest, kept and recomputed forwards give the same bits") {
  Adapted at({.compute = compute});
  const auto common = randomTokens(140, 300, 2);
  Batch together;
  std::vector<std::vector<std::int32_t>> all;
  for (std::uint64_t i = 0; i < 9; i++) {
    std::vector<std::int32_t> sequence(common.begin(), common.begin() + static_cast<std::ptrdiff_t>(10 + 15 * i));
    const auto tail = randomTokens(2 + static_cast<std::int64_t>(i * 5), 300, 70 + i);
    sequence.insert(sequence.end(), tail.begin(), tail.end());
    all.push_back(sequence);
    together.add(sequence);
  }
  const Scores forest = at.engine->forward(together.view(), at.adapter, 1, false);
  const Scores kept = at.engine->forward(together.view(), at.adapter, 1, true);
  CHECK(sameFloats(forest.logprobs, kept.logprobs));
  CHECK(sameFloats(forest.entropies, kept.entropies));
  std::vector<float> separate;
  for (const auto& sequence : all) {
    Batch one;
    one.add(sequence);
    const Scores scores = at.engine->forward(one.view(), at.adapter, 1, false);
    separate.insert(separate.end(), scores.logprobs.begin(), scores.logprobs.end());
  }
  CHECK(sameFloats(forest.logprobs, separate));
}

TEST("one and two threads, every instruction set, and in f32 a CUDA device give the same bits") {
  for (const Dtype compute : {Dtype::f32, Dtype::bf16}) {
    ModelSize shape{.hidden = 200, .heads = 5, .kvHeads = 5, .headSize = 40, .intermediate = 300, .vocabulary = 500, .compute = compute};
    Batch batch;
    for (std::uint64_t i = 0; i < 3; i++) batch.add(randomTokens(20 + static_cast<std::int64_t>(i) * 60, 500, i));
    std::vector<float> first;
    const auto check = [&](const Adapted& at) {
      const Scores scores = at.engine->forward(batch.view(), at.adapter, 1, false);
      if (first.empty()) first = scores.logprobs;
      CHECK(sameFloats(first, scores.logprobs));
    };
    for (const Isa isa : kIsas) {
      if (kernelsOf(isa) == nullptr) continue;
      for (const int threads : {1, 2}) check(Adapted(shape, threads, isa));
    }
    if (compute == Dtype::bf16) continue;  // tensor cores add in an order of their own
    shape.compute = {compute, true};
    check(Adapted(shape));
  }
}

LAW("a group of eight prefills its prompt once, and training computes it once a pass") {
  Adapted at({.compute = compute});
  const auto prompt = randomTokens(300, 300, 8);
  Sampled sampled;
  start(*at.engine, request(prompt, 8, 6, at.adapter, 1), sampled);
  finishAll(*at.engine);
  CHECK(at.engine->scheduler().counters().prefillRows == 300);
  Batch batch;
  for (const Choice& choice : sampled.choices) {
    std::vector<std::int32_t> sequence = prompt;
    sequence.insert(sequence.end(), choice.tokens.begin(), choice.tokens.end());
    batch.add(sequence);
  }
  const Scores scores = at.engine->forward(batch.view(), at.adapter, 1, true);
  const std::vector<double> ones(scores.logprobs.size(), 1.0);
  const std::vector<double> zeros(scores.logprobs.size(), 0.0);
  at.engine->backward(ones, zeros);
  const Division division = divideBatch(batch.view(), 4096);
  CHECK(division.distinct <= 300 + 8 * 5);
  CHECK(at.engine->trainCounters().forwardRows == division.distinct);
  CHECK(at.engine->trainCounters().backwardRows == division.distinct);
}

LAW("eight requests of one prompt at the same moment prefill it once, a second turn continues the first") {
  Adapted at({.compute = compute});
  const auto prompt = randomTokens(300, 300, 8);
  std::vector<Sampled> results(8);
  for (std::size_t i = 0; i < results.size(); i++) start(*at.engine, request(prompt, 1, 4, at.adapter, i), results[i]);
  finishAll(*at.engine);
  CHECK(at.engine->scheduler().counters().prefillRows == 300);
  std::vector<std::int32_t> turn = prompt;
  const auto& said = results[0].choices[0].tokens;
  turn.insert(turn.end(), said.begin(), said.end());
  const auto more = randomTokens(10, 300, 77);
  turn.insert(turn.end(), more.begin(), more.end());
  Sampled second;
  start(*at.engine, request(turn, 1, 4, at.adapter, 1), second);
  finishAll(*at.engine);
  // Its own ten tokens and the first turn's last one, which was sampled but never an input.
  CHECK(at.engine->scheduler().counters().prefillRows == 300 + 11);
  CHECK(sameBits(*at.engine, turn, second.choices, at.adapter, 1));
}

LAW("after an update nothing computed under the old weights is used") {
  Adapted at({.compute = compute});
  const auto prompt = randomTokens(100, 300, 9);
  for (int round = 0; round < 3; round++) {
    Sampled sampled;
    start(*at.engine, request(prompt, 2, 4, at.adapter, 3), sampled);
    finishAll(*at.engine);
    CHECK(sameBits(*at.engine, prompt, sampled.choices, at.adapter, 1));
    perturb(*at.engine, at.adapter, 0.05F, 30 + static_cast<std::uint64_t>(round));
  }
}

LAW("token memory that overflows evicts and waits, and every request keeps its bits") {
  RandomModel model({.contextLength = 128, .compute = compute});
  EngineOptions options = model.options();
  options.cacheTokens = 320;
  Engine engine(options);
  std::vector<Sampled> results(compute.isSlow() ? 8 : 20);
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::size_t i = 0; i < results.size(); i++) {
    prompts.push_back(randomTokens(20 + static_cast<std::int64_t>(i * 4 % 60), 300, i % 7));
    start(engine, request(prompts[i], 2, 30, -1, i), results[i]);
  }
  finishAll(engine);
  for (std::size_t i = 0; i < results.size(); i++) {
    CHECK(results[i].error.empty());
    CHECK(sameBits(engine, prompts[i], results[i].choices, -1, 1));
  }
}

LAW("the same seed draws the same tokens whatever rides along") {
  Adapted alone({.compute = compute});
  Adapted crowded({.compute = compute});
  const auto prompt = randomTokens(40, 300, 4);
  Sampled first;
  start(*alone.engine, request(prompt, 3, 12, alone.adapter, 99), first);
  finishAll(*alone.engine);
  std::vector<Sampled> others(10);
  for (std::size_t i = 0; i < others.size(); i++) {
    start(*crowded.engine, request(randomTokens(5 + static_cast<std::int64_t>(i) * 9, 300, 60 + i), 2, 9, -1, i), others[i]);
  }
  crowded.engine->sampleStep();
  Sampled second;
  start(*crowded.engine, request(prompt, 3, 12, crowded.adapter, 99), second);
  finishAll(*crowded.engine);
  for (std::size_t i = 0; i < 3; i++) {
    CHECK(first.choices[i].tokens == second.choices[i].tokens);
    CHECK(sameFloats(first.choices[i].logprobs, second.choices[i].logprobs));
  }
  CHECK(first.choices[0].tokens != first.choices[1].tokens);
}

LAW("an adapter whose B is zero is the base model, bit for bit") {
  RandomModel model({.compute = compute});
  Engine engine(model.options());
  const int adapter = engine.addAdapter(model.targets(8, 2), {}, 3);
  Batch batch;
  batch.add(randomTokens(70, 300, 5));
  CHECK(sameFloats(engine.forward(batch.view(), -1, 1, false).logprobs,
                   engine.forward(batch.view(), adapter, 1, false).logprobs));
}
