// What EngineObject answers without waiting for the engine's thread: the state published when its last job ended.
#include "engine_object.h"
#include "results.h"

namespace agl::binding {

Napi::Value EngineObject::plan(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(snapshot_.mutex);
  const Plan& plan = snapshot_.plan;
  Napi::Object out = Napi::Object::New(info.Env());
  const auto put = [&](const char* key, std::int64_t bytes) { out.Set(key, static_cast<double>(bytes)); };
  put("weights", plan.weights);
  put("adapters", plan.adapters);
  put("optimizer", plan.optimizer);
  put("tokenMemory", plan.tokenMemory);
  put("activations", plan.activations);
  put("scratch", plan.scratch);
  put("total", plan.total());
  Napi::Object highWater = Napi::Object::New(info.Env());
  for (const auto& [key, bytes] : snapshot_.highWater) highWater.Set(key, bytes);
  out.Set("highWater", highWater);
  out.Set("largestActivation", snapshot_.largestActivation);
  return out;
}

Napi::Value EngineObject::counters(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(snapshot_.mutex);
  Napi::Object out = Napi::Object::New(info.Env());
  const auto put = [&](const char* key, std::int64_t count) { out.Set(key, static_cast<double>(count)); };
  put("sampledTokens", snapshot_.sampling.sampledTokens);
  put("prefillRows", snapshot_.sampling.prefillRows);
  put("decodeRows", snapshot_.sampling.decodeRows);
  put("samplerPasses", snapshot_.sampling.passes);
  put("largestSamplerPass", snapshot_.sampling.largestPass);
  put("cachedPromptTokens", snapshot_.sampling.cachedPromptTokens);
  put("carriedRows", snapshot_.sampling.carriedRows);
  put("forwardRows", snapshot_.training.forwardRows);
  put("backwardRows", snapshot_.training.backwardRows);
  put("recomputedRows", snapshot_.training.recomputedRows);
  return out;
}

Napi::Value EngineObject::arithmetic(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(snapshot_.mutex);
  return Napi::String::New(info.Env(), snapshot_.arithmetic);
}

Napi::Value EngineObject::isa(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(snapshot_.mutex);
  return Napi::String::New(info.Env(), snapshot_.isa);
}

void EngineObject::publish(Engine& engine) {
  const std::lock_guard lock(snapshot_.mutex);
  snapshot_.plan = engine.plan();
  snapshot_.highWater["weights"] = static_cast<double>(engine.weights().arena().highWater());
  snapshot_.highWater["activations"] = static_cast<double>(engine.activations().highWater());
  snapshot_.largestActivation = static_cast<double>(engine.activations().largestAllocation());
  snapshot_.sampling = engine.scheduler().counters();
  snapshot_.training = engine.trainCounters();
  snapshot_.isa = isaName(engine.isa());
  snapshot_.arithmetic = engine.arithmetic();
}

}  // namespace agl::binding
