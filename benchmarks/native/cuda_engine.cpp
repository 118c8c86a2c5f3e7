// The engine on a CUDA device without node: decoding and LoRA training of a random model in the shape of Qwen2-0.5B, and one GRPO
// step in that of 1.5B. Rows have the shapes of decode.mjs and training.mjs.
//   bench_cuda_engine [--commit TEXT] [--loaded true|false]
// Sampled log-probabilities are compared with the forward's, bit for bit, before anything is timed.
#include <cstring>
#include <filesystem>

#include "cuda_measure.h"
#include "engine.h"

namespace agl::bench {
namespace {

constexpr const char* kProgram = "bench_cuda_engine";
constexpr std::int64_t kRank = 16;

ModelConfig configOf(std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t headSize, std::int64_t intermediate) {
  ModelConfig config;
  config.hidden = hidden, config.layers = layers, config.heads = heads, config.kvHeads = 2, config.headSize = headSize;
  config.intermediate = intermediate, config.vocabulary = 151'936, config.tie = true;
  config.normEps = 1e-6F, config.rope.theta = 1e6, config.contextLength = 2048, config.compute = Dtype::bf16;
  return config;
}

// A file of one random matrix that every tensor reads, behind the ones of the norms.
class RandomFile {
 public:
  explicit RandomFile(const ModelConfig& config) : path_(std::filesystem::temp_directory_path() / ("agl-bench-" + std::to_string(getpid()))) {
    std::vector<std::uint16_t> numbers(kMatrices + static_cast<std::size_t>(config.vocabulary * config.hidden), f32ToBf16(1.0F));
    const float amount = 1.0F / std::sqrt(static_cast<float>(config.hidden));
    constexpr std::size_t kTile = (std::size_t{1} << 20) + 7;
    for (std::size_t i = kMatrices; i < numbers.size(); i++) {
      if (i >= kMatrices + kTile) numbers[i] = numbers[i - kTile];
      else numbers[i] = f32ToBf16(amount * static_cast<float>(2 * uniform(philox({static_cast<std::uint32_t>(i), 0, 0, 0}, 1)[0], 0) - 1));
    }
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * 2));
  }
  ~RandomFile() { std::filesystem::remove(path_); }
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;

  EngineOptions options(const ModelConfig& config) const {
    EngineOptions out;
    out.model = config;
    out.files = {path_.string()};
    const auto add = [&](Role role, std::int64_t layer, std::int64_t rows, std::int64_t cols, std::size_t from) {
      out.tensors.push_back({role, layer, {0, static_cast<std::int64_t>(from * 2), Dtype::bf16, rows, cols}});
    };
    constexpr Role kRoles[] = {Role::q, Role::k, Role::v, Role::o, Role::gate, Role::up, Role::down};
    add(Role::embedding, 0, config.vocabulary, config.hidden, kMatrices);
    for (std::int64_t layer = 0; layer < config.layers; layer++) {
      add(Role::attentionNorm, layer, 1, config.hidden, 0);
      for (int p = 0; p < kProjections; p++) add(kRoles[p], layer, outputWidth(config, p), inputWidth(config, p), kMatrices);
      add(Role::qBias, layer, 1, config.queryWidth(), kMatrices);
      add(Role::kBias, layer, 1, config.keyWidth(), kMatrices);
      add(Role::vBias, layer, 1, config.keyWidth(), kMatrices);
      add(Role::mlpNorm, layer, 1, config.hidden, 0);
    }
    add(Role::finalNorm, 0, 1, config.hidden, 0);
    return out;
  }

 private:
  static constexpr std::size_t kMatrices = 1 << 14;  // where they begin
  std::filesystem::path path_;
};

std::vector<std::int32_t> tokensOf(const ModelConfig& config, std::int64_t seed, std::int64_t count) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < count; i++) out.push_back(static_cast<std::int32_t>((seed * 7919 + i * 104'729 + 11) % config.vocabulary));
  return out;
}

struct Sequence {
  std::vector<std::int32_t> tokens;
  std::size_t prompt;
  std::vector<float> logprobs;  // of what was sampled
};

class Case {
 public:
  Case(const ModelConfig& config, std::int64_t trainTokens, std::int64_t cacheTokens)
      : config_(config), file_(config), engine_(make(trainTokens, cacheTokens)) {
    std::vector<LoraTarget> targets;
    for (std::int64_t layer = 0; layer < config.layers; layer++) {
      for (int p = 0; p < kProjections; p++) targets.push_back({layer, p, kRank, 2.0F, false, {}, {}});
    }
    adapter_ = engine_.addAdapter(std::move(targets), {}, 1);
  }

  // Asks for `choices` of each prompt and samples until all are done; `onFirst` is called with the first token.
  std::vector<Sequence> sample(const std::vector<std::vector<std::int32_t>>& prompts, int choices, std::int64_t tokens,
                               const std::function<void()>& onFirst = {}) {
    std::vector<Sequence> out;
    bool begun = false;
    std::string failed;
    for (const auto& prompt : prompts) {
      SampleRequest request;
      request.id = ++requests_;
      request.prompt = prompt, request.choices = choices, request.maxTokens = tokens, request.adapter = adapter_;
      request.seed = static_cast<std::uint64_t>(requests_);
      request.onToken = [&](const SampledToken&) {
        if (!std::exchange(begun, true) && onFirst) onFirst();
      };
      request.onDone = [&out, &prompt](std::vector<Choice> done) {
        for (Choice& choice : done) {
          out.push_back({prompt, prompt.size(), std::move(choice.logprobs)});
          out.back().tokens.insert(out.back().tokens.end(), choice.tokens.begin(), choice.tokens.end());
        }
      };
      request.onError = [&failed](const char* code, const std::string& message) { failed = std::string(code) + " " + message; };
      engine_.addSample(std::move(request));
    }
    while (!engine_.scheduler().idle()) engine_.sampleStep();
    if (!failed.empty()) throw std::runtime_error(failed);
    return out;
  }

  // Forward and backward of the sum of log-probabilities; true when those sampled have the forward's bits.
  bool learn(std::span<const Sequence> sequences) {
    std::vector<std::int32_t> tokens, offsets{0};
    for (const Sequence& one : sequences) {
      tokens.insert(tokens.end(), one.tokens.begin(), one.tokens.end());
      offsets.push_back(static_cast<std::int32_t>(tokens.size()));
    }
    const Scores scores = engine_.forward({tokens, offsets}, adapter_, 1.0F, true);
    std::vector<double> dLogprobs(scores.logprobs.size(), 0.0);
    bool same = true;
    std::size_t at = 0;
    for (const Sequence& one : sequences) {
      const std::size_t first = at + std::max<std::size_t>(one.prompt, 1) - 1, end = at + one.tokens.size() - 1;
      std::fill(dLogprobs.begin() + static_cast<std::ptrdiff_t>(first), dLogprobs.begin() + static_cast<std::ptrdiff_t>(end), -1e-4);
      same &= one.logprobs.empty() ||
              std::memcmp(scores.logprobs.data() + first, one.logprobs.data(), one.logprobs.size() * sizeof(float)) == 0;
      at = end;
    }
    engine_.backward(dLogprobs, std::vector<double>(scores.entropies.size(), 0.0));
    return same;
  }

  void step() { engine_.optimStep(adapter_, {{1e-5, 0.9, 0.95, 1e-8, 0, 1, 1}, 1.0}); }

 private:
  Engine make(std::int64_t trainTokens, std::int64_t cacheTokens) const {
    EngineOptions options = file_.options(config_);
    std::string why;
    options.device = CudaDevice::open(0, why);
    if (options.device == nullptr) throw std::runtime_error(why);
    options.ops = cudaOps();
    options.threads = 4;
    options.trainTokens = trainTokens, options.batchTokens = 2048, options.cacheTokens = cacheTokens;
    return Engine(std::move(options));
  }

  ModelConfig config_;
  RandomFile file_;
  Engine engine_;
  int adapter_ = -1;
  std::int64_t requests_ = 0;
};

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("expected ") + what);
}

void decode(Case& model, const ModelConfig& config, const RowPrinter& rows) {
  constexpr std::int64_t kPrompt = 16, kSteps = 64;
  for (const int batch : {1, 64}) {
    std::vector<double> rates;
    for (int repeat = 0; repeat <= 4; repeat++) {
      double begin = 0;
      model.sample({tokensOf(config, 100 * batch + repeat, kPrompt)}, batch, kSteps + 1, [&] { begin = secondsNow(); });
      if (repeat > 0) rates.push_back(batch * static_cast<double>(kSteps) / (secondsNow() - begin));
    }
    rows.print("decode", "{\"model\":\"0.5B\",\"batch\":" + std::to_string(batch) + ",\"prompt\":16,\"steps\":64}", rates, "tokens/s", "");
  }
}

void train(Case& model, const ModelConfig& config, const RowPrinter& rows) {
  constexpr std::int64_t kBatch = 16, kLength = 1024;
  std::vector<double> rates;
  for (int repeat = 0; repeat <= 5; repeat++) {
    std::vector<Sequence> sequences;
    for (std::int64_t b = 0; b < kBatch; b++) sequences.push_back({tokensOf(config, 1000 + repeat * kBatch + b, kLength), 0, {}});
    const double begin = secondsNow();
    model.learn(sequences);
    model.step();
    if (repeat > 0) rates.push_back(static_cast<double>(kBatch * kLength) / (secondsNow() - begin));
  }
  rows.print("training", "{\"model\":\"0.5B\",\"batch\":16,\"length\":1024,\"rank\":16}", rates, "tokens/s", "");
}

// Sampling, training in parts whose gradients add up, one step of the optimizer.
void grpo(const RowPrinter& rows) {
  constexpr std::int64_t kPrompts = 64, kPrompt = 200, kTokens = 300;
  constexpr int kGroup = 5;
  constexpr std::size_t kPart = 16 * kGroup;
  const ModelConfig config = configOf(1536, 28, 12, 128, 8960);
  Case model(config, 16 * (kPrompt + kGroup * kTokens), kPrompts * (kPrompt + kGroup * (kTokens + 128)));
  require(model.learn(model.sample({tokensOf(config, 1, 8)}, 2, 8)), "sampling and training to give the same bits");
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::int64_t p = 0; p < kPrompts; p++) prompts.push_back(tokensOf(config, 10 + p, kPrompt));
  const double begin = secondsNow();
  const std::vector<Sequence> sampled = model.sample(prompts, kGroup, kTokens);
  const double middle = secondsNow();
  bool same = true;
  for (std::size_t at = 0; at < sampled.size(); at += kPart) {
    same &= model.learn(std::span(sampled).subspan(at, std::min(kPart, sampled.size() - at)));
  }
  model.step();
  const double end = secondsNow();
  require(same, "sampling and training to give the same bits");
  const std::string shape = "{\"model\":\"1.5B\",\"train\":\"adapter\",\"prompt\":200,\"prompts\":64,\"group\":5,\"tokens\":300,\"part\":\"";
  rows.print("grpo", shape + "step\"}", {end - begin}, "s", "");
  rows.print("grpo", shape + "sampling\"}", {middle - begin}, "s", "");
  rows.print("grpo", shape + "training\"}", {end - middle}, "s", "");
}

int run(const Arguments& arguments) {
  if (cudaOps()->rmsNorm.forward == nullptr || cudaOps()->embedding.forward == nullptr) {
    return refuse(kProgram, "not run: this build has not all of the engine's operations on CUDA");
  }
  std::string why;
  CudaDescription device{};
  if (CudaDevice::count(why) == 0 || !CudaDevice::describe(0, device)) return refuse(kProgram, why);
  const RowPrinter rows(arguments, device.name);
  {
    const ModelConfig config = configOf(896, 24, 14, 64, 4864);
    Case model(config, 16 * 1024, 1 << 14);
    require(model.learn(model.sample({tokensOf(config, 1, 8)}, 2, 8)), "sampling and training to give the same bits");
    decode(model, config, rows);
    train(model, config, rows);
  }
  grpo(rows);
  return 0;
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) {
  const auto run = [](const agl::bench::Arguments& arguments, bool) { return agl::bench::run(arguments); };
  return agl::bench::runProgram("bench_cuda_engine", argc, argv, run);
}
