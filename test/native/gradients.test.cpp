// Laws of the gradients: the forest's equal the separate ones, they are the loss's derivatives, and recomputation changes no bit.
#include <cmath>
#include <cstring>

#include "engine.h"
#include "random_model.h"

namespace {

using namespace agl;
using namespace agl::test;

struct Weighted {
  Batch batch;
  std::vector<double> dLogprobs;
  std::vector<double> dEntropies;
};

double weight(std::size_t i) { return std::sin(static_cast<double>(i) * 1.7) + 0.2; }

void addWeighted(Weighted& to, const std::vector<std::int32_t>& sequence, std::size_t seed) {
  to.batch.add(sequence);
  for (std::size_t t = 1; t < sequence.size(); t++) {
    to.dLogprobs.push_back(weight(seed * 100 + t));
    to.dEntropies.push_back(0.3 * weight(seed * 57 + t));
  }
}

double value(Engine& engine, const Weighted& weighted, int adapter, float temperature) {
  const Scores scores = engine.forward(weighted.batch.view(), adapter, temperature, false);
  double sum = 0;
  for (std::size_t i = 0; i < scores.logprobs.size(); i++) {
    sum += weighted.dLogprobs[i] * static_cast<double>(scores.logprobs[i]) +
           weighted.dEntropies[i] * static_cast<double>(scores.entropies[i]);
  }
  return sum;
}

void accumulate(Engine& engine, const Weighted& weighted, int adapter, float temperature) {
  engine.forward(weighted.batch.view(), adapter, temperature, true);
  engine.backward(weighted.dLogprobs, weighted.dEntropies);
}

std::vector<std::vector<float>> gradients(Engine& engine, int handle) {
  const ParameterSet& parameters = engine.parameters(handle);
  std::vector<std::vector<float>> all;
  for (std::size_t i = 0; i < parameters.count(); i++) {
    all.push_back(engine.read(parameters.gradient(i)));
  }
  return all;
}

double relativeDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); i++) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

std::vector<std::vector<std::int32_t>> branching() {
  const auto common = randomTokens(70, 300, 2);
  std::vector<std::vector<std::int32_t>> all;
  for (std::uint64_t i = 0; i < 7; i++) {
    std::vector<std::int32_t> sequence(common.begin(), common.begin() + static_cast<std::ptrdiff_t>(10 + 9 * i));
    const auto tail = randomTokens(3 + static_cast<std::int64_t>(i * 4), 300, 70 + i / 2);
    sequence.insert(sequence.end(), tail.begin(), tail.end());
    all.push_back(sequence);
  }
  all.push_back(all[2]);  // a sequence twice: its predictions are shared to the last
  return all;
}

const ModelSize kSmall{.headNorms = true};

ModelSize smallIn(Arithmetic compute) {
  ModelSize size = kSmall;
  size.compute = compute;
  return size;
}

}  // namespace

LAW("forest gradients equal the sum of the separate ones to rounding") {
  // In bf16 a prefix's gradient is rounded once instead of once a branch.
  const double rounding = compute == Dtype::bf16 ? 1e-2 : 2e-5;
  for (const bool trainAll : {false, true}) {
    if (trainAll && compute == Dtype::bf16) continue;  // refused
    RandomModel model(smallIn(compute));
    EngineOptions options = model.options();
    options.trainAll = trainAll;
    Engine engine(options);
    const int handle = trainAll ? -1 : engine.addAdapter(model.targets(4, 2), {}, 1);
    if (!trainAll) perturb(engine, handle, 0.02F, 5);
    Weighted forest;
    const auto sequences = branching();
    for (std::size_t i = 0; i < sequences.size(); i++) addWeighted(forest, sequences[i], i);
    accumulate(engine, forest, handle, 0.8F);
    const auto together = gradients(engine, handle);
    engine.parameters(handle).zeroGradients();
    for (std::size_t i = 0; i < sequences.size(); i++) {
      Weighted one;
      addWeighted(one, sequences[i], i);
      accumulate(engine, one, handle, 0.8F);
    }
    const auto separate = gradients(engine, handle);
    for (std::size_t i = 0; i < together.size(); i++) CHECK(relativeDifference(together[i], separate[i]) < rounding);
  }
}

// The forward's rounding has no derivative; its gradients are held to those of f32 instead.
TEST("gradients in bf16 are those of f32 to the rounding of operands") {
  std::vector<std::vector<float>> found[2];
  for (const Dtype compute : {Dtype::f32, Dtype::bf16}) {
    RandomModel model(smallIn(compute));
    Engine engine(model.options());
    const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
    perturb(engine, handle, 0.02F, 5);
    Weighted weighted;
    const auto sequences = branching();
    for (std::size_t i = 0; i < sequences.size(); i++) addWeighted(weighted, sequences[i], i);
    accumulate(engine, weighted, handle, 1.3F);
    found[compute == Dtype::bf16] = gradients(engine, handle);
  }
  for (std::size_t i = 0; i < found[0].size(); i++) {
    const double difference = relativeDifference(found[1][i], found[0][i]);
    CHECK(difference > 1e-5 && difference < 3e-2);
  }
}

// f32 values limit a difference quotient of the whole model to about 1e-3.
TEST("gradients of the whole model are directional derivatives of the loss") {
  for (const bool trainAll : {false, true}) {
    for (const bool tie : {true, false}) {
      ModelSize size = kSmall;
      size.tie = tie;
      RandomModel model(size);
      EngineOptions options = model.options();
      options.trainAll = trainAll;
      Engine engine(options);
      const int handle = trainAll ? -1 : engine.addAdapter(model.targets(4, 2), {}, 1);
      if (!trainAll) perturb(engine, handle, 0.02F, 5);
      Weighted weighted;
      const auto sequences = branching();
      for (std::size_t i = 0; i < 4; i++) addWeighted(weighted, sequences[i], i);
      accumulate(engine, weighted, handle, 1.3F);
      ParameterSet& parameters = engine.parameters(handle);
      // Along the gradient of one tensor at a time, so that none hides behind another.
      for (std::size_t i = 0; i < parameters.count(); i++) {
        const std::vector<float> before = engine.read(parameters.value(i)), g = engine.read(parameters.gradient(i));
        std::vector<float> moved(before.size());
        double norm = 0;
        for (const float each : g) norm += std::pow(static_cast<double>(each), 2);
        norm = std::sqrt(norm);
        const double step = 0.02;
        double values[2];
        for (int side = 0; side < 2; side++) {
          for (std::size_t j = 0; j < before.size(); j++) {
            const double direction = static_cast<double>(g[j]) / norm;
            moved[j] = static_cast<float>(static_cast<double>(before[j]) + (side == 0 ? step : -step) * direction);
          }
          engine.write(parameters.value(i), moved);
          engine.refresh(handle);
          values[side] = value(engine, weighted, handle, 1.3F);
        }
        engine.write(parameters.value(i), before);
        engine.refresh(handle);
        CHECK_NEAR((values[0] - values[1]) / (2 * step), norm, 2e-3, 1e-2);
      }
    }
  }
}

LAW("recomputed layers give the gradients of kept ones bit for bit, with any number of threads") {
  std::vector<std::vector<float>> first;
  for (const Keep keep : {Keep::layers, Keep::residuals}) {
    for (const int threads : compute.onCuda ? std::vector{1} : std::vector{1, 2, 3}) {
      RandomModel model(smallIn(compute));
      EngineOptions options = model.options();
      options.keep = keep;
      options.threads = threads;
      Engine engine(options);
      const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
      perturb(engine, handle, 0.02F, 5);
      Weighted weighted;
      const auto sequences = branching();
      for (std::size_t i = 0; i < sequences.size(); i++) addWeighted(weighted, sequences[i], i);
      accumulate(engine, weighted, handle, 1);
      CHECK((engine.trainCounters().recomputedRows > 0) == (keep == Keep::residuals));
      const auto all = gradients(engine, handle);
      if (first.empty()) first = all;
      CHECK(first == all);
    }
  }
}

LAW("tokens without a derivative are left out and change no gradient") {
  RandomModel model(smallIn(compute));
  Engine engine(model.options());
  const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
  perturb(engine, handle, 0.02F, 5);
  std::vector<std::vector<float>> first;
  // A derivative so small that its row is computed and adds nothing to any sum of float32, but may decide a tie.
  for (const double none : {0.0, 1e-30}) {
    Weighted weighted;
    const auto sequences = branching();
    for (std::size_t i = 0; i < sequences.size(); i++) addWeighted(weighted, sequences[i], i);
    for (std::size_t i = 0; i < weighted.dLogprobs.size(); i++) {
      if (i % 5 < 3) weighted.dLogprobs[i] = none;
      if (i % 7 < 5) weighted.dEntropies[i] = none;
    }
    engine.parameters(handle).zeroGradients();
    accumulate(engine, weighted, handle, 0.8F);
    const auto all = gradients(engine, handle);
    if (first.empty()) first = all;
    for (std::size_t i = 0; i < all.size(); i++) CHECK(relativeDifference(all[i], first[i]) < 1e-7);
  }
}

TEST("without any derivative gradients stay zero") {
  RandomModel model(kSmall);
  Engine engine(model.options());
  const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
  Weighted weighted;
  addWeighted(weighted, randomTokens(30, 300, 3), 0);
  for (double& d : weighted.dLogprobs) d = 0;
  for (double& d : weighted.dEntropies) d = 0;
  accumulate(engine, weighted, handle, 1);
  for (const auto& gradient : gradients(engine, handle)) {
    for (const float value : gradient) CHECK(value == 0.0F);
  }
}

LAW("the loss falls on a repeated batch, training the adapter and training all") {
  for (const bool trainAll : {false, true}) {
    if (trainAll && compute == Dtype::bf16) continue;  // refused
    RandomModel model(smallIn(compute));
    EngineOptions options = model.options();
    options.trainAll = trainAll;
    Engine engine(options);
    const int handle = trainAll ? -1 : engine.addAdapter(model.targets(4, 2), {}, 1);
    Weighted weighted;
    addWeighted(weighted, randomTokens(30, 300, 3), 0);
    for (double& d : weighted.dLogprobs) d = -1.0 / 29;
    for (double& d : weighted.dEntropies) d = 0;
    const double before = value(engine, weighted, handle, 1);
    for (int step = 0; step < 20; step++) {
      accumulate(engine, weighted, handle, 1);
      engine.optimStep(handle, {{3e-3, 0.9, 0.95, 1e-8, 0, 0, 1}, 1});
    }
    CHECK(value(engine, weighted, handle, 1) < before - 0.5);
  }
}

LAW("the arenas' high-water mark is the plan, and no more than one vocabulary block of logits is ever held") {
  RandomModel model({.vocabulary = 9000, .contextLength = 256, .compute = compute});
  EngineOptions options = model.options();
  options.trainTokens = 256;
  options.batchTokens = 64;
  Engine engine(options);
  const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
  Weighted weighted;
  addWeighted(weighted, randomTokens(257, 9000, 3), 0);
  accumulate(engine, weighted, handle, 1);
  CHECK(static_cast<std::int64_t>(engine.activations().highWater()) == engine.plan().activations);
  CHECK(static_cast<std::int64_t>(engine.weights().arena().used()) == engine.plan().weights);
  CHECK(engine.activations().largestAllocation() <= 256 * LogSoftmax::kBlock * sizeof(float));
}

LAW("a gradient that is not finite changes no weight") {
  RandomModel model(smallIn(compute));
  Engine engine(model.options());
  const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
  Weighted weighted;
  addWeighted(weighted, randomTokens(30, 300, 3), 0);
  weighted.dLogprobs[3] = NAN;
  accumulate(engine, weighted, handle, 1);
  const double before = value(engine, weighted, handle, 1);
  std::string code;
  try {
    engine.optimStep(handle, {{1e-3, 0.9, 0.95, 1e-8, 0, 0, 1}, 1});
  } catch (const Error& error) {
    code = error.code();
  }
  CHECK(code == "E_NONFINITE");
  CHECK(engine.version(handle) == 0);
  CHECK(std::isnan(before) == std::isnan(value(engine, weighted, handle, 1)));
}

TEST("training all parameters in bf16 is refused") {
  RandomModel model(smallIn(Dtype::bf16));
  EngineOptions options = model.options();
  options.trainAll = true;
  std::string code;
  try {
    Engine engine(options);
  } catch (const Error& error) {
    code = error.code();
  }
  CHECK(code == "E_INTERNAL");
}
