#include "random_model.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "core/codes.h"
#include "core/philox.h"

namespace agl::test {

static float randomValue(std::uint64_t seed, std::uint64_t index) {
  const PhiloxBlock block = philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 7, 0}, seed);
  return static_cast<float>(uniform(block[0], block[1]) * 2 - 1);
}

RandomModel::RandomModel(const ModelSize& size, std::uint64_t seed) {
  ModelConfig& config = options_.model;
  config.hidden = size.hidden;
  config.layers = size.layers;
  config.heads = size.heads;
  config.kvHeads = size.kvHeads;
  config.headSize = size.headSize;
  config.intermediate = size.intermediate;
  config.vocabulary = size.vocabulary;
  config.tie = size.tie;
  config.normEps = 1e-6F;
  config.rope.theta = 10000;
  config.contextLength = size.contextLength;
  config.compute = size.compute;
  config.codes = size.compute.codes;
  std::vector<float> data;
  const auto add = [&](Role role, std::int64_t layer, std::int64_t rows, std::int64_t cols, float center) {
    ModelTensor tensor{role, layer, {0, static_cast<std::int64_t>(data.size()) * 4, Dtype::f32, rows, cols}};
    const float amount = rows == 1 ? 0.1F : 1.0F / std::sqrt(static_cast<float>(cols));
    for (std::int64_t i = 0; i < rows * cols; i++) data.push_back(center + amount * randomValue(seed, data.size()));
    options_.tensors.push_back(tensor);
  };
  const auto roundLast = [&](std::int64_t rows, std::int64_t cols) {
    for (std::int64_t row = 0; row < rows; row++) {
      float* const weights = data.data() + static_cast<std::ptrdiff_t>(data.size()) - (rows - row) * cols;
      std::uint32_t largest = 0;
      for (std::int64_t i = 0; i < cols; i++) largest = std::max(largest, magnitudeBits(weights[i]));
      const float scale = codeScale(*size.roundedTo, largest);
      for (std::int64_t i = 0; i < cols; i++) {
        weights[i] = scale * codeToF32(*size.roundedTo, codeOf(*size.roundedTo, weights[i], scale));
      }
    }
  };
  add(Role::embedding, 0, size.vocabulary, size.hidden, 0);
  for (std::int64_t layer = 0; layer < size.layers; layer++) {
    add(Role::attentionNorm, layer, 1, size.hidden, 1);
    for (int p = 0; p < kProjections; p++) {
      const Role roles[] = {Role::q, Role::k, Role::v, Role::o, Role::gate, Role::up, Role::down};
      add(roles[p], layer, outputWidth(config, p), inputWidth(config, p), 0);
      if (size.roundedTo) roundLast(outputWidth(config, p), inputWidth(config, p));
    }
    if (size.biases) {
      add(Role::qBias, layer, 1, config.queryWidth(), 0);
      add(Role::kBias, layer, 1, config.keyWidth(), 0);
      add(Role::vBias, layer, 1, config.keyWidth(), 0);
    }
    if (size.headNorms) {
      add(Role::qNorm, layer, 1, size.headSize, 1);
      add(Role::kNorm, layer, 1, size.headSize, 1);
    }
    add(Role::mlpNorm, layer, 1, size.hidden, 1);
  }
  add(Role::finalNorm, 0, 1, size.hidden, 1);
  if (!size.tie) add(Role::head, 0, size.vocabulary, size.hidden, 0);

  char name[] = "/tmp/agl-random-model-XXXXXX";
  const int file = mkstemp(name);
  path_ = name;
  std::FILE* stream = fdopen(file, "wb");
  std::fwrite(data.data(), 4, data.size(), stream);
  std::fclose(stream);
  options_.files = {path_};
  options_.threads = 1;
  options_.trainTokens = 2 * size.contextLength;
  options_.batchTokens = 256;
  options_.cacheTokens = 8 * size.contextLength;
  options_.poison = true;
  onCuda_ = size.compute.onCuda;
}

static std::shared_ptr<CudaDevice> openCudaDevice() {
  std::string why;
  std::shared_ptr<CudaDevice> device = CudaDevice::open(0, why);
  if (device == nullptr) throw std::runtime_error(why);
  return device;
}

bool Arithmetic::isSlow() const { return onCuda && openCudaDevice()->name() == "emulated device"; }

EngineOptions RandomModel::options() const {
  EngineOptions options = options_;
  if (!onCuda_) return options;
  options.device = openCudaDevice();
  options.ops = cudaOps();
  return options;
}

RandomModel::~RandomModel() { std::remove(path_.c_str()); }

std::vector<LoraTarget> RandomModel::targets(std::int64_t rank, float scale) const {
  std::vector<LoraTarget> all;
  for (std::int64_t layer = 0; layer < options_.model.layers; layer++) {
    for (int projection = 0; projection < kProjections; projection++) all.push_back({layer, projection, rank, scale, false, {}, {}});
  }
  return all;
}

std::vector<EngineOptions> everyIsa(const EngineOptions& options) {
  if (options.device != nullptr) return {options};
  std::vector<EngineOptions> all;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (kernelsOf(isa) == nullptr) continue;
    all.push_back(options);
    all.back().isa = isa;
  }
  return all;
}

void perturb(Engine& engine, int handle, float amount, std::uint64_t seed) {
  ParameterSet& parameters = engine.parameters(handle);
  for (std::size_t i = 0; i < parameters.count(); i++) {
    const View gradient = parameters.gradient(i);
    std::vector<float> drawn(static_cast<std::size_t>(gradient.rows * gradient.cols));
    for (std::size_t j = 0; j < drawn.size(); j++) drawn[j] = randomValue(seed + i, j);
    engine.write(gradient, drawn);
  }
  // One step of AdamW moves every value by about lr.
  const AdamwStep step{static_cast<double>(amount), 0.9, 0.95, 1e-8, 0, 1, 1};
  engine.optimStep(handle, {step, HUGE_VAL});
}

std::vector<std::int32_t> randomTokens(std::int64_t count, std::int64_t vocabulary, std::uint64_t seed) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; i++) {
    const PhiloxBlock block = philox({static_cast<std::uint32_t>(i), 0, 9, 0}, seed);
    tokens.push_back(static_cast<std::int32_t>(block[0] % static_cast<std::uint64_t>(vocabulary)));
  }
  return tokens;
}

void Batch::add(const std::vector<std::int32_t>& sequence) {
  tokens.insert(tokens.end(), sequence.begin(), sequence.end());
  offsets.push_back(static_cast<std::int32_t>(tokens.size()));
}

SampleRequest request(std::vector<std::int32_t> prompt, int choices, std::int64_t maxTokens, int adapter,
                      std::uint64_t seed) {
  SampleRequest made;
  made.prompt = std::move(prompt);
  made.choices = choices;
  made.maxTokens = maxTokens;
  made.adapter = adapter;
  made.seed = seed;
  return made;
}

void start(Engine& engine, SampleRequest request, Sampled& into) {
  request.onDone = [&into](std::vector<Choice> choices) { into.choices = std::move(choices); };
  request.onError = [&into](const char* code, const std::string& message) {
    into.error = std::string(code) + " " + message;
  };
  engine.addSample(std::move(request));
}

void finishAll(Engine& engine) {
  while (!engine.scheduler().idle()) engine.sampleStep();
}

bool sameBits(Engine& engine, const std::vector<std::int32_t>& prompt, const std::vector<Choice>& choices, int adapter,
              float temperature) {
  Batch batch;
  for (const Choice& choice : choices) {
    std::vector<std::int32_t> sequence = prompt;
    sequence.insert(sequence.end(), choice.tokens.begin(), choice.tokens.end());
    batch.add(sequence);
  }
  const Scores scores = engine.forward(batch.view(), adapter, temperature, false);
  std::size_t at = 0;
  for (const Choice& choice : choices) {
    at += prompt.size() - 1;
    if (std::memcmp(&scores.logprobs[at], choice.logprobs.data(), choice.logprobs.size() * 4) != 0) return false;
    at += choice.tokens.size();
  }
  return true;
}

}  // namespace agl::test
