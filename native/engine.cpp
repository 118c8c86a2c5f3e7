#include "engine.h"

#include <algorithm>

#include "core/fault.h"

namespace agl {

static std::string readable(std::int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

static Isa chooseIsa(const EngineOptions& options) {
  const Isa isa = options.isa.value_or(bestIsa());
  if (kernelsOf(isa) == nullptr) {
    throw Error("E_ARGUMENT", std::string("loadPolicy: expected an instruction set of this machine, got ") + isaName(isa));
  }
  return isa;
}

static Device& deviceOf(const EngineOptions& options) {
  return options.device == nullptr ? hostDevice() : *options.device;
}

static const Ops& opsOf(const EngineOptions& options) { return options.ops == nullptr ? cpuOps() : *options.ops; }

static bool fits(const ParameterSet& set, const std::vector<std::vector<float>>& tensors) {
  if (tensors.size() != set.count()) return false;
  for (std::size_t i = 0; i < tensors.size(); i++) {
    if (static_cast<std::int64_t>(tensors[i].size()) != set.value(i).rows * set.value(i).cols) return false;
  }
  return true;
}

// What each thread of the pool needs where the operations run elsewhere.
static constexpr std::int64_t kNoScratch = 64;

Engine::Engine(EngineOptions options) : options_(std::move(options)), isa_(chooseIsa(options_)) {
  const ModelConfig& config = options_.model;
  if (options_.trainAll && config.compute != Dtype::f32) {
    throw Error("E_INTERNAL", "engine: all parameters are trained in f32 alone");
  }
  if (config.codes && config.compute != Dtype::bf16) throw Error("E_INTERNAL", "engine: codes are multiplied in bf16 alone");
  planBase();
  setComputeFloatMode();
  Device& device = deviceOf(options_);
  pool_ = std::make_unique<Pool>(options_.threads,
                                 static_cast<std::size_t>(device.isHost() ? plan_.scratch / options_.threads : kNoScratch));
  reserveScratch();
  context_ = std::make_unique<Context>(Context{*pool_, *kernelsOf(isa_), device, opsOf(options_)});
  weights_ = std::make_unique<Weights>(*context_, config, options_.tensors, options_.files, options_.trainAll);
  transformer_ = std::make_unique<Transformer>(*context_, config, *weights_, stop_);
  memory_ = std::make_unique<TokenMemory>(context_->device, config, options_.cacheTokens);
  activations_ = Arena(context_->device, "activations", static_cast<std::size_t>(plan_.activations));
  trainer_ = std::make_unique<Trainer>(*transformer_, activations_, keep_);
  scheduler_ = std::make_unique<Scheduler>(*transformer_, *memory_, activations_, options_.batchTokens);
  if (options_.poison) {
    memory_->arena().poison();
    activations_.poison();
  }
}

int Engine::addAdapter(std::vector<LoraTarget> targets, const std::vector<std::string>& files, std::uint64_t seed) {
  const ModelConfig& config = options_.model;
  std::int64_t rank = largestRank_;
  for (const LoraTarget& target : targets) rank = std::max(rank, target.rank);
  const std::int64_t activations = activationBytes(rank, keep_);
  const std::int64_t packed = Adapter::packedBytes(config, targets);
  const std::int64_t parameters = Adapter::parameterBytes(config, targets);
  const std::int64_t scratch = scratchBytes(rank);
  requireMemory(packed + parameters + activations - plan_.activations + scratch - plan_.scratch, "policy.addAdapter");
  auto adapter = std::make_unique<Adapter>(*context_, config, std::move(targets), files, seed);
  if (rank > largestRank_) {
    trainer_->forget();
    activations_ = Arena(context_->device, "activations", static_cast<std::size_t>(activations));
    if (options_.poison) activations_.poison();
    plan_.activations = activations;
    plan_.scratch = scratch;
    reserveScratch();
    largestRank_ = rank;
  }
  plan_.adapters += packed;
  plan_.optimizer += parameters;
  const int handle = nextHandle_++;
  adapters_.emplace(handle, std::move(adapter));
  return handle;
}

void Engine::removeAdapter(int handle) {
  const Adapter* adapter = adapterOf(handle);
  if (scheduler_->isNeeded(handle)) throw Error("E_STATE", "policy.removeAdapter: expected no sample under it to run");
  trainer_->forget();
  scheduler_->dropCache(handle);
  plan_.adapters -= adapter->packedBytes();
  plan_.optimizer -= adapter->parameterBytes();
  adapters_.erase(handle);
}

std::int64_t Engine::version(int handle) {
  const Adapter* adapter = adapterOf(handle);
  return adapter == nullptr ? weights_->version() : adapter->version();
}

ParameterSet& Engine::parameters(int handle) {
  if (adapterOf(handle) != nullptr) return adapters_.at(handle)->parameters();
  if (!weights_->trainable()) throw Error("E_STATE", "the base model is frozen; load with train: \"all\" to train it");
  return weights_->parameters();
}

double Engine::optimStep(int handle, const OptimStep& step) {
  trainer_->forget();
  const double norm = parameters(handle).step(*context_, step.adamw, step.maxGradNorm);
  refresh(handle);
  return norm;
}

void Engine::restore(int handle, const TrainingState& state) {
  trainer_->forget();
  ParameterSet& to = parameters(handle);
  if (!fits(to, state.values) || !fits(to, state.firstMoments) || !fits(to, state.secondMoments)) {
    throw Error("E_INTERNAL", "engine.restore: expected three vectors of every tensor's size");
  }
  for (std::size_t i = 0; i < to.count(); i++) {
    write(to.value(i), state.values[i]);
    write(to.firstMoment(i), state.firstMoments[i]);
    write(to.secondMoment(i), state.secondMoments[i]);
  }
  to.setSteps(state.version);
  to.zeroGradients();
  refresh(handle);
  if (handle < 0) {
    weights_->setVersion(state.version);
  } else {
    adapters_.at(handle)->setVersion(state.version);
  }
}

void Engine::setGradients(int handle, const std::vector<std::vector<float>>& gradients) {
  ParameterSet& to = parameters(handle);
  if (!fits(to, gradients)) throw Error("E_INTERNAL", "engine.setGradients: expected a vector of every tensor's size");
  for (std::size_t i = 0; i < to.count(); i++) write(to.gradient(i), gradients[i]);
}

std::vector<float> Engine::read(View view) { return readFloats(context_->device, view); }

void Engine::write(View view, const std::vector<float>& values) {
  context_->device.copyIn(view.data, values.data(), values.size() * sizeof(float));
  checkDevice(context_->device);
}

void Engine::refresh(int handle) {
  if (handle < 0) {
    weights_->refresh(*context_);
  } else {
    adapters_.at(handle)->refresh(*context_);
  }
  if (!isPlanted("STALE_CACHE")) scheduler_->dropCache(handle);
}

Scores Engine::forward(const Sequences& sequences, int adapter, float temperature, bool keep) {
  if (keep && adapter < 0) parameters(adapter);  // refuses a frozen base model
  return trainer_->forward(sequences, adapterOf(adapter), temperature, keep);
}

void Engine::backward(std::span<const double> dLogprobs, std::span<const double> dEntropies) {
  trainer_->backward(dLogprobs, dEntropies);
}

void Engine::addSample(SampleRequest request) {
  request.weights = adapterOf(request.adapter);
  if (request.constraint != nullptr && request.constraint->vocabulary->tokens.outputs() != options_.model.vocabulary) {
    throw Error("E_INTERNAL", "policy.sample: expected a constraint over this model's vocabulary");
  }
  scheduler_->add(std::move(request));
}

void Engine::sampleStep() {
  trainer_->forget();  // its activations lie in the same arena
  scheduler_->step();
}

// --- internal ---

const Adapter* Engine::adapterOf(int handle) {
  if (handle < 0) return nullptr;
  const auto found = adapters_.find(handle);
  if (found == adapters_.end()) throw Error("E_STATE", "adapter " + std::to_string(handle) + " was removed");
  return found->second.get();
}

std::int64_t Engine::activationBytes(std::int64_t largestRank, Keep keep) const {
  PassShape shape;
  shape.largestRank = largestRank;
  shape.headNorms = std::any_of(options_.tensors.begin(), options_.tensors.end(),
                                [](const ModelTensor& tensor) { return tensor.role == Role::qNorm; });
  shape.rows = options_.trainTokens;
  shape.keep = keep;
  Arena train = Arena::counting("activations");
  Trainer::layOut(train, options_.model, shape);
  shape.rows = options_.batchTokens;
  shape.keep = Keep::nothing;
  Arena sample = Arena::counting("activations");
  Scheduler::layOut(sample, options_.model, shape);
  return static_cast<std::int64_t>(std::max(train.highWater(), sample.highWater()));
}

std::int64_t Engine::scratchBytes(std::int64_t largestRank) const {
  const ModelConfig& config = options_.model;
  const std::int64_t rows = std::max(options_.trainTokens, options_.batchTokens);
  Workload workload{.rows = rows,
                    .compute = config.compute,
                    .products = {{LogSoftmax::kBlock, config.hidden, config.compute, rows},
                                 {config.vocabulary, config.hidden, config.compute, Scheduler::kLogitRows}},
                    .attention = {config.heads, config.kvHeads, config.headSize, 1},
                    .draws = {Scheduler::kLogitRows, config.vocabulary, Scheduler::kMostTopLogprobs}};
  for (int projection = 0; projection < kProjections; projection++) {
    const std::int64_t outputs = outputWidth(config, projection);
    const std::int64_t inputs = inputWidth(config, projection);
    workload.products.push_back({outputs, inputs, config.projections(), rows});
    if (largestRank == 0) continue;
    workload.products.push_back({largestRank, inputs, config.compute, rows});
    workload.products.push_back({outputs, largestRank, config.compute, rows});
  }
  const auto bytes = static_cast<std::int64_t>(opsOf(options_).scratchBytes(workload));
  return deviceOf(options_).isHost() ? bytes * options_.threads : bytes;
}

void Engine::reserveScratch() {
  if (deviceOf(options_).reserveScratch(static_cast<std::size_t>(plan_.scratch))) return;
  throw Error("E_MEMORY", "engine: expected " + readable(plan_.scratch) + " of workspace, the device refused; load with smaller trainTokens");
}

void Engine::planBase() {
  const ModelConfig& config = options_.model;
  plan_.weights = Weights::bytes(config, options_.tensors, options_.trainAll);
  plan_.optimizer = Weights::parameterBytes(options_.tensors, options_.trainAll);
  plan_.tokenMemory = TokenMemory::bytes(config, options_.cacheTokens);
  plan_.scratch = scratchBytes(0);
  // Recomputing a layer gives the same bits, so this may look at the machine.
  const bool roomy = activationBytes(0, Keep::layers) <= static_cast<std::int64_t>(deviceOf(options_).availableBytes() / 3);
  keep_ = options_.keep.value_or(roomy ? Keep::layers : Keep::residuals);
  plan_.activations = activationBytes(0, keep_);
  requireMemory(plan_.total(), "loadPolicy");
}

void Engine::requireMemory(std::int64_t bytes, const char* who) const {
  const auto available =
      static_cast<std::int64_t>(static_cast<double>(deviceOf(options_).availableBytes()) * options_.memoryFraction);
  if (bytes <= available) return;
  throw Error("E_MEMORY", std::string(who) + ": expected at most " + readable(available) + " of free memory, the plan needs " +
                              readable(bytes) + " (weights " + readable(plan_.weights) + ", optimizer " +
                              readable(plan_.optimizer) + ", token memory " + readable(plan_.tokenMemory) +
                              ", activations " + readable(plan_.activations) + ", workspace " + readable(plan_.scratch) +
                              "); load with a smaller contextLength, trainTokens or cacheTokens" +
                              (options_.trainAll || options_.model.codes ? "" : ", or with weights: \"int8\""));
}

}  // namespace agl
