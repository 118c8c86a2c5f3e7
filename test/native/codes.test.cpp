// Laws of the engine whose layers have weights of one byte: sampler and trainer read the same codes, adapters learn over them.
#include <cmath>

#include "engine.h"
#include "model/weights.h"
#include "random_model.h"

namespace {

using namespace agl;
using namespace agl::test;

constexpr Dtype kCodeTypes[] = {Dtype::i8, Dtype::f8};

ModelSize sizeOf(Dtype codes, bool cuda) {
  return {.hidden = 80, .heads = 5, .kvHeads = 1, .headSize = 16, .intermediate = 130, .vocabulary = 300, .headNorms = true,
          .contextLength = 256, .compute = {codes, cuda}};
}

// CPU or CUDA as a test of its own, as LAW has it.
#define CODE_LAW(sentence)                                                                                             \
  static void AGL_JOIN(law_, __LINE__)(Dtype codes, bool cuda);                                                        \
  TEST("weights of one byte: " sentence) {                                                                             \
    for (const Dtype codes : kCodeTypes) AGL_JOIN(law_, __LINE__)(codes, false);                                       \
  }                                                                                                                    \
  static const ::agl::test::Register AGL_JOIN(register_cuda_, __LINE__)("on CUDA: weights of one byte: " sentence, [] { \
    for (const Dtype codes : kCodeTypes) AGL_JOIN(law_, __LINE__)(codes, true);                                        \
  });                                                                                                                  \
  static void AGL_JOIN(law_, __LINE__)(Dtype codes, bool cuda)

std::vector<std::vector<float>> gradientsOf(const ModelSize& size, std::int64_t tokens) {
  RandomModel model(size);
  Engine engine(model.options());
  const int handle = engine.addAdapter(model.targets(4, 2), {}, 1);
  perturb(engine, handle, 0.02F, 5);
  Batch batch;
  batch.add(randomTokens(tokens, size.vocabulary, 3));
  std::vector<double> dLogprobs, dEntropies;
  for (std::int64_t t = 1; t < tokens; t++) {
    dLogprobs.push_back(std::sin(static_cast<double>(t) * 1.7) + 0.2);
    dEntropies.push_back(0.1);
  }
  engine.forward(batch.view(), handle, 1.3F, true);
  engine.backward(dLogprobs, dEntropies);
  std::vector<std::vector<float>> all;
  for (std::size_t i = 0; i < engine.parameters(handle).count(); i++) all.push_back(engine.read(engine.parameters(handle).gradient(i)));
  return all;
}

double relativeDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); i++) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

}  // namespace

CODE_LAW("sample and forward give the same log-probability bits") {
  RandomModel model(sizeOf(codes, cuda));
  for (const EngineOptions& options : everyIsa(model.options())) {
    Engine engine(options);
    const int adapter = engine.addAdapter(model.targets(4, 2), {}, 3);
    perturb(engine, adapter, 0.02F, 11);
    // One prompt beyond a chunk of attention and beyond the rows of few; the second joins the first.
    const auto first = randomTokens(cuda ? 20 : 140, 300, 1), second = randomTokens(3, 300, 2);
    Sampled sampled[2];
    start(engine, request(first, 2, 4, adapter, 5), sampled[0]);
    engine.sampleStep();
    start(engine, request(second, 1, 4, -1, 6), sampled[1]);
    finishAll(engine);
    CHECK(sampled[0].error.empty() && sampled[1].error.empty());
    CHECK(sameBits(engine, first, sampled[0].choices, adapter, 1));
    CHECK(sameBits(engine, second, sampled[1].choices, -1, 1));
  }
}

CODE_LAW("gradients are those of f32 over the weights that the codes stand for, to the rounding of operands") {
  ModelSize exact = sizeOf(codes, false);
  exact.compute = Dtype::f32;
  exact.roundedTo = codes;
  const std::int64_t tokens = cuda ? 20 : 60;
  const auto found = gradientsOf(sizeOf(codes, cuda), tokens), expected = gradientsOf(exact, tokens);
  exact.roundedTo.reset();
  const auto unrounded = gradientsOf(exact, tokens);
  CHECK(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); i++) {
    const double difference = relativeDifference(found[i], expected[i]);
    CHECK(difference > 1e-5 && difference < 3e-2);
    CHECK(difference < relativeDifference(found[i], unrounded[i]));
  }
}

TEST("weights of one byte: the plan counts a byte a weight of the layers and four an output, the head stays in bf16") {
  constexpr std::int64_t hidden = 64, width = 128, vocabulary = 320, layers = 3;
  const auto sizeIn = [](Dtype weights) {
    return ModelSize{.hidden = hidden, .layers = layers, .heads = 4, .kvHeads = 2, .headSize = 16, .intermediate = width,
                     .vocabulary = vocabulary, .tie = false, .biases = false, .contextLength = 64, .compute = weights};
  };
  std::int64_t bytes[3];
  int at = 0;
  for (const Dtype weights : {Dtype::bf16, Dtype::i8, Dtype::f8}) {
    RandomModel model(sizeIn(weights));
    Engine engine(model.options());
    CHECK(static_cast<std::int64_t>(engine.weights().arena().used()) == engine.plan().weights);
    bytes[at++] = engine.plan().weights;
  }
  // q, k, v, o; gate, up, down.
  const std::int64_t numbers = layers * (hidden * hidden * 2 + hidden * 32 * 2 + hidden * width * 3);
  const std::int64_t outputs = layers * (2 * hidden + 2 * 32 + 2 * width + hidden);
  CHECK(bytes[1] == bytes[2]);
  CHECK(bytes[0] - bytes[1] == numbers - 4 * outputs);
}

TEST("weights of one byte: those of a Llama of 8 billion parameters take 9.1 GB instead of 16.1") {
  ModelConfig config;
  config.hidden = 4096, config.layers = 32, config.heads = 32, config.kvHeads = 8, config.headSize = 128;
  config.intermediate = 14'336, config.vocabulary = 128'256;
  config.compute = Dtype::bf16;
  std::vector<ModelTensor> tensors;
  const auto add = [&](Role role, std::int64_t rows, std::int64_t cols) { tensors.push_back({role, 0, {0, 0, Dtype::bf16, rows, cols}}); };
  add(Role::embedding, config.vocabulary, config.hidden);
  add(Role::head, config.vocabulary, config.hidden);
  for (std::int64_t layer = 0; layer < config.layers; layer++) {
    const Role roles[] = {Role::q, Role::k, Role::v, Role::o, Role::gate, Role::up, Role::down};
    for (int p = 0; p < kProjections; p++) add(roles[p], outputWidth(config, p), inputWidth(config, p));
  }
  const auto gigabytes = [&] { return static_cast<double>(Weights::bytes(config, tensors, false)) / 1e9; };
  CHECK_NEAR(gigabytes(), 16.06, 0.01, 0);
  config.codes = Dtype::i8;
  CHECK_NEAR(gigabytes(), 9.09, 0.01, 0);
}

TEST("weights of one byte: another arithmetic has another name on each device") {
  std::vector<std::string> names;
  for (const bool cuda : {false, true}) {
#if defined(__SANITIZE_THREAD__)
    if (cuda) continue;
#endif
    for (const Dtype weights : {Dtype::bf16, Dtype::i8, Dtype::f8}) {
      RandomModel model({.contextLength = 64, .compute = {weights, cuda}});
      names.push_back(Engine(model.options()).arithmetic());
    }
  }
  for (std::size_t i = 0; i < names.size(); i++) {
    for (std::size_t j = 0; j < i; j++) CHECK(names[i] != names[j]);
  }
}

TEST("weights of one byte: over operands of f32 they are refused") {
  RandomModel model({.contextLength = 64});
  EngineOptions options = model.options();
  options.model.codes = Dtype::i8;
  std::string code;
  try {
    Engine engine(options);
  } catch (const Error& error) {
    code = error.code();
  }
  CHECK(code == "E_INTERNAL");
}
