#include "options.h"

#include <array>
#include <string_view>

#include "arrays.h"
#include "constraint_object.h"

namespace agl::binding {

static Napi::Value field(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (value.IsUndefined()) refuse(from.Env(), std::string("expected the field ") + key);
  return value;
}

double numberField(const Napi::Object& from, const char* key) { return field(from, key).ToNumber().DoubleValue(); }

static std::int64_t integer(const Napi::Object& from, const char* key) {
  return field(from, key).ToNumber().Int64Value();
}
static bool boolean(const Napi::Object& from, const char* key) { return field(from, key).ToBoolean(); }
static std::string string(const Napi::Object& from, const char* key) { return field(from, key).ToString(); }

static std::uint64_t bits(const Napi::Object& from, const char* key) {
  bool lossless = false;
  return field(from, key).As<Napi::BigInt>().Uint64Value(&lossless);
}

static std::vector<std::int32_t> intVector(const Napi::Object& from, const char* key) {
  const std::span<const std::int32_t> values = ints(field(from, key), key);
  return {values.begin(), values.end()};
}

static std::vector<std::string> strings(const Napi::Object& from, const char* key) {
  const auto array = field(from, key).As<Napi::Array>();
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < array.Length(); i++) out.push_back(array.Get(i).ToString());
  return out;
}

static TensorLocation location(const Napi::Object& from) {
  const std::string dtype = string(from, "dtype");
  TensorLocation at;
  at.file = static_cast<int>(integer(from, "file"));
  at.begin = integer(from, "begin");
  at.dtype = dtype == "bf16" ? Dtype::bf16 : dtype == "f16" ? Dtype::f16 : Dtype::f32;
  at.rows = integer(from, "rows");
  at.cols = integer(from, "columns");
  return at;
}

static Role roleOf(Napi::Env env, const std::string& name) {
  // In the order of Role.
  constexpr std::array<std::string_view, 17> kNames = {"embedding", "head",  "finalNorm", "attentionNorm", "mlpNorm", "q",
                                                       "k",         "v",     "o",         "qBias",         "kBias",   "vBias",
                                                       "qNorm",     "kNorm", "gate",      "up",            "down"};
  for (std::size_t i = 0; i < kNames.size(); i++) {
    if (kNames[i] == name) return static_cast<Role>(i);
  }
  refuse(env, "tensors: unknown role " + name);
}

static RopeParameters ropeParameters(const Napi::Object& from) {
  const std::string kind = string(from, "kind");
  RopeParameters rope;
  rope.theta = numberField(from, "theta");
  rope.kind = kind == "llama3" ? RopeKind::llama3 : kind == "linear" ? RopeKind::linear : RopeKind::standard;
  rope.factor = numberField(from, "factor");
  rope.lowFrequencyFactor = numberField(from, "lowFrequencyFactor");
  rope.highFrequencyFactor = numberField(from, "highFrequencyFactor");
  rope.originalMaxPositions = numberField(from, "originalMaxPositions");
  return rope;
}

EngineOptions engineOptions(const Napi::Object& from) {
  EngineOptions options;
  ModelConfig& model = options.model;
  model.hidden = integer(from, "hidden");
  model.layers = integer(from, "layers");
  model.heads = integer(from, "heads");
  model.kvHeads = integer(from, "kvHeads");
  model.headSize = integer(from, "headSize");
  model.intermediate = integer(from, "intermediate");
  model.vocabulary = integer(from, "vocabulary");
  model.tie = boolean(from, "tie");
  model.normEps = static_cast<float>(numberField(from, "normEps"));
  model.rope = ropeParameters(field(from, "rope").As<Napi::Object>());
  model.contextLength = integer(from, "contextLength");
  model.compute = string(from, "compute") == "bf16" ? Dtype::bf16 : Dtype::f32;
  const std::string weights = string(from, "weights");
  if (weights == "int8") model.codes = Dtype::i8;
  if (weights == "fp8") model.codes = Dtype::f8;
  options.files = strings(from, "files");
  const auto tensors = field(from, "tensors").As<Napi::Array>();
  for (std::uint32_t i = 0; i < tensors.Length(); i++) {
    const auto tensor = tensors.Get(i).As<Napi::Object>();
    options.tensors.push_back({roleOf(from.Env(), string(tensor, "role")), integer(tensor, "layer"), location(tensor)});
  }
  options.trainAll = boolean(from, "trainAll");
  options.threads = static_cast<int>(integer(from, "threads"));
  const std::string isa = string(from, "isa");
  for (const Isa known : kIsas) {
    if (isa == isaName(known)) options.isa = known;
  }
  options.trainTokens = integer(from, "trainTokens");
  options.batchTokens = integer(from, "batchTokens");
  options.cacheTokens = integer(from, "cacheTokens");
  options.poison = boolean(from, "poison");
  options.memoryFraction = numberField(from, "memoryFraction");
  return options;
}

AdapterOptions adapterOptions(const Napi::Object& from) {
  AdapterOptions options;
  options.files = strings(from, "files");
  options.seed = bits(from, "seed");
  const auto targets = field(from, "targets").As<Napi::Array>();
  for (std::uint32_t i = 0; i < targets.Length(); i++) {
    const auto at = targets.Get(i).As<Napi::Object>();
    LoraTarget target;
    target.layer = integer(at, "layer");
    target.projection = static_cast<int>(integer(at, "projection"));
    target.rank = integer(at, "rank");
    target.scale = static_cast<float>(numberField(at, "scale"));
    target.stored = at.Get("a").IsObject() && at.Get("b").IsObject();
    if (target.stored) {
      target.a = location(at.Get("a").As<Napi::Object>());
      target.b = location(at.Get("b").As<Napi::Object>());
    }
    options.targets.push_back(target);
  }
  return options;
}

SampleRequest sampleRequest(const Napi::Object& from) {
  SampleRequest request;
  request.prompt = intVector(from, "prompt");
  request.choices = static_cast<int>(integer(from, "n"));
  request.maxTokens = integer(from, "maxTokens");
  request.draw.temperature = static_cast<float>(numberField(from, "temperature"));
  request.draw.topP = numberField(from, "topP");
  request.draw.topK = integer(from, "topK");
  request.draw.minP = numberField(from, "minP");
  request.draw.topLogprobs = integer(from, "topLogprobs");
  request.seed = bits(from, "seed");
  request.stopTokens = intVector(from, "stopTokens");
  request.adapter = static_cast<int>(integer(from, "adapter"));
  if (from.Get("constraint").IsObject()) {
    const auto constraint = from.Get("constraint").As<Napi::Object>();
    request.constraint = constraintOf(constraint.Get("handle"));
    request.constraintAfter = string(constraint, "after");
  }
  return request;
}

std::vector<std::vector<float>> floatVectors(const Napi::Value& from) {
  const auto list = from.As<Napi::Array>();
  std::vector<std::vector<float>> out;
  for (std::uint32_t i = 0; i < list.Length(); i++) {
    const auto tensor = Napi::Value(list[i]).As<Napi::Float32Array>();
    out.emplace_back(tensor.Data(), tensor.Data() + tensor.ElementLength());
  }
  return out;
}

TrainingState trainingState(const Napi::Object& from) {
  return {.values = floatVectors(from.Get("values")),
          .firstMoments = floatVectors(from.Get("firstMoments")),
          .secondMoments = floatVectors(from.Get("secondMoments")),
          .version = static_cast<std::int64_t>(numberField(from, "version"))};
}

OptimStep optimStep(const Napi::Object& from) {
  OptimStep step{};
  step.adamw.lr = numberField(from, "lr");
  step.adamw.beta1 = numberField(from, "beta1");
  step.adamw.beta2 = numberField(from, "beta2");
  step.adamw.eps = numberField(from, "eps");
  step.adamw.weightDecay = numberField(from, "weightDecay");
  step.maxGradNorm = numberField(from, "maxGradNorm");
  return step;
}

OwnedSequences sequences(const Napi::Object& from) {
  OwnedSequences out{intVector(from, "tokens"), {}};
  const std::span<const std::int32_t> offsets = offsetsOf(field(from, "offsets"), out.tokens.size());
  out.offsets.assign(offsets.begin(), offsets.end());
  for (std::size_t i = 0; i + 1 < out.offsets.size(); i++) {
    if (out.offsets[i + 1] - out.offsets[i] < 2) refuse(from.Env(), "sequences: expected at least two tokens each");
  }
  return out;
}

}  // namespace agl::binding
