// An engine on its thread, seen from JavaScript as the NativeEngine of src/policy/engine/binding.ts.
#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <mutex>

#include "channel.h"
#include "engine.h"

namespace agl::binding {

// What may be read at any time; written by the engine's thread when a job ends.
struct Snapshot {
  std::mutex mutex;
  Plan plan;
  std::map<std::string, double> highWater;
  double largestActivation = 0;
  SampleCounters sampling;
  TrainCounters training;
  std::string isa;
  std::string arithmetic;
};

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

 private:
  // How a native result becomes a JavaScript value, on the JavaScript thread.
  using ToValue = std::function<napi_value(napi_env)>;

  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value arithmetic(const Napi::CallbackInfo& info);
  Napi::Value isa(const Napi::CallbackInfo& info);
  Napi::Value addAdapter(const Napi::CallbackInfo& info);
  Napi::Value removeAdapter(const Napi::CallbackInfo& info);
  Napi::Value sample(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  void holdSampler(const Napi::CallbackInfo& info);
  Napi::Value divide(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value backward(const Napi::CallbackInfo& info);
  Napi::Value optimStep(const Napi::CallbackInfo& info);
  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value zeroGradients(const Napi::CallbackInfo& info);
  Napi::Value setGradients(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // A promise of what `work` returns on the engine's thread.
  Napi::Value promise(Napi::Env env, std::function<ToValue(std::unique_ptr<Engine>&)> work);
  // Settles on the JavaScript thread; from any thread.
  void resolve(napi_deferred deferred, ToValue value);
  void reject(napi_deferred deferred, std::string code, std::string message);
  napi_deferred begin(Napi::Env env, Napi::Value& promise);
  void settled();
  void publish(Engine& engine);
  void requireOpen(Napi::Env env, const char* who) const;
  void shutDown();
  static void onEnvironmentEnd(void* self);

  EngineOptions options_;
  const int cuda_;  // the CUDA device that it opens; the CPU below 0
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<EngineThread> thread_;
  Snapshot snapshot_;
  bool loaded_ = false;
  bool closed_ = false;
  bool hooked_ = true;  // the environment still holds our cleanup hook
};

}  // namespace agl::binding
