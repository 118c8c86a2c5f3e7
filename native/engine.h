// The engine: one copy of the base weights, any number of adapters, one token memory; it samples and it trains. Not thread-safe: one thread
// calls it, EngineThread gives it one. This header is all that the bindings see.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/os.h"
#include "ops/cuda_library.h"
#include "ops/loss/advantage.h"
#include "ops/loss/policy_loss.h"
#include "sample/scheduler.h"
#include "train/trainer.h"

namespace agl {

struct EngineOptions {
  ModelConfig model;
  std::vector<std::string> files;
  std::vector<ModelTensor> tensors;
  bool trainAll = false;
  int threads = 1;
  std::optional<Isa> isa;  // the widest of this machine when absent
  std::int64_t trainTokens = 0;
  std::int64_t batchTokens = 0;
  std::int64_t cacheTokens = 0;
  bool poison = false;
  // Where it computes and with which operations; the CPU when null.
  std::shared_ptr<Device> device;
  const Ops* ops = nullptr;
  double memoryFraction = 1;  // of the device's free memory: what the plan may take
  std::optional<Keep> keep;  // what a kept forward keeps; by the memory of the machine when absent
};

// Bytes of every arena; what does not fit is refused before anything is allocated (Law 5).
struct Plan {
  std::int64_t weights = 0;
  std::int64_t adapters = 0;
  std::int64_t optimizer = 0;
  std::int64_t tokenMemory = 0;
  std::int64_t activations = 0;
  std::int64_t scratch = 0;
  std::int64_t total() const { return weights + adapters + optimizer + tokenMemory + activations + scratch; }
};

// What training left in one set of weights: three vectors a tensor, and the steps taken, which are its version.
struct TrainingState {
  std::vector<std::vector<float>> values;
  std::vector<std::vector<float>> firstMoments;
  std::vector<std::vector<float>> secondMoments;
  std::int64_t version = 0;
};

struct OptimStep {
  AdamwStep adamw;
  double maxGradNorm;
};

class Engine {
 public:
  // Throws E_MEMORY with the numbers when the plan does not fit, E_MODEL when a file is not as described.
  explicit Engine(EngineOptions options);
  const Plan& plan() const { return plan_; }
  Arena& activations() { return activations_; }
  const Weights& weights() const { return *weights_; }
  Isa isa() const { return isa_; }
  const char* arithmetic() const { return context_->device.arithmetic(options_.model.projections()); }

  int addAdapter(std::vector<LoraTarget> targets, const std::vector<std::string>& files, std::uint64_t seed);
  // Throws E_STATE while a sample under it runs.
  void removeAdapter(int handle);
  // Handle -1 is the base model.
  std::int64_t version(int handle);
  ParameterSet& parameters(int handle);
  double optimStep(int handle, const OptimStep& step);
  // Goes on from that state as if its steps had been taken here; gradients are cleared. The sizes were checked by the caller; E_INTERNAL else.
  void restore(int handle, const TrainingState& state);
  // Replaces the gradients, by those of several engines together. The sizes were checked by the caller; E_INTERNAL else.
  void setGradients(int handle, const std::vector<std::vector<float>>& gradients);
  // A tensor of a parameter set, contiguous, from and to the device.
  std::vector<float> read(View view);
  void write(View view, const std::vector<float>& values);
  // After values were written by hand: packs them, drops what was computed under the old ones.
  void refresh(int handle);

  Scores forward(const Sequences& sequences, int adapter, float temperature, bool keep);
  void backward(std::span<const double> dLogprobs, std::span<const double> dEntropies);
  void addSample(SampleRequest request);
  Scheduler& scheduler() { return *scheduler_; }
  // One sampler pass.
  void sampleStep();
  const TrainCounters& trainCounters() const { return trainer_->counters(); }

  // From any thread: ends the pass that runs with E_CLOSED.
  void stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  const Adapter* adapterOf(int handle);
  std::int64_t activationBytes(std::int64_t largestRank, Keep keep) const;
  std::int64_t scratchBytes(std::int64_t largestRank) const;
  void reserveScratch();
  void planBase();
  void requireMemory(std::int64_t bytes, const char* who) const;

  const EngineOptions options_;
  const Isa isa_;
  Keep keep_ = Keep::layers;
  std::int64_t largestRank_ = 0;
  Plan plan_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<TokenMemory> memory_;
  Arena activations_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Scheduler> scheduler_;
  std::map<int, std::unique_ptr<Adapter>> adapters_;
  int nextHandle_ = 0;
};

// Runs jobs one after another on a thread of its own, and the sampler between them. Jobs must not throw. The engine is made, used and destroyed
// on that thread.
class EngineThread {
 public:
  EngineThread() : thread_([this] { loop(); }) {}
  ~EngineThread() { close(); }

  void post(std::function<void(std::unique_ptr<Engine>& engine)> job);
  // Whether the sampler runs between jobs. Held, it starts no pass; cancels and everything else still work.
  void holdSampler(bool held);
  // Ends what runs, drops what waits (each job is called with a null engine so that it can say so) and joins. Idempotent.
  void close();
  bool closing() {
    const std::lock_guard lock(mutex_);
    return closing_;
  }

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void(std::unique_ptr<Engine>&)>> jobs_;
  bool closing_ = false;
  bool samplerIsHeld_ = false;
  std::atomic<Engine*> running_{nullptr};
  std::thread thread_;
};

}  // namespace agl
