// The module: the engine's class, the machine's devices, and the mathematics that needs no engine.
#include <napi.h>

#include "engine_object.h"

void exportAdvantages(Napi::Env env, Napi::Object exports);
void exportPolicyLoss(Napi::Env env, Napi::Object exports);

static Napi::Value devices(const Napi::CallbackInfo& info) {
  Napi::Object cpu = Napi::Object::New(info.Env());
  cpu.Set("name", "cpu");
  cpu.Set("kind", "cpu");
  cpu.Set("isa", agl::isaName(agl::bestIsa()));
  cpu.Set("cores", agl::availableCores());
  cpu.Set("memoryBytes", static_cast<double>(agl::availableMemory()));
  Napi::Array all = Napi::Array::New(info.Env());
  all.Set(0U, cpu);
  return all;
}

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", agl::binding::EngineObject::define(env));
  exports.Set("devices", Napi::Function::New(env, devices));
  exportAdvantages(env, exports);
  exportPolicyLoss(env, exports);
  return exports;
}

NODE_API_MODULE(agentlightning, initialise)
