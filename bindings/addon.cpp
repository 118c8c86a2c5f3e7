// The module: the classes of engines and of constraints, the machine's devices, and the mathematics that needs no engine.
#include <napi.h>

#include "constraint_object.h"
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
  std::string why;
  for (const agl::CudaDescription& each : agl::cudaDevices(why)) {
    Napi::Object cuda = Napi::Object::New(info.Env());
    cuda.Set("name", "cuda:" + std::to_string(all.Length() - 1));
    cuda.Set("kind", "cuda");
    cuda.Set("model", each.name);
    cuda.Set("isa", "sm_" + std::to_string(each.capability));
    cuda.Set("cores", each.multiprocessors);
    cuda.Set("memoryBytes", static_cast<double>(each.bytes));
    if (each.capability < agl::CudaDevice::kOldest) cuda.Set("unavailable", "compute capability 8.0 or newer is needed");
    all.Set(all.Length(), cuda);
  }
  if (all.Length() == 1) {
    Napi::Object missing = Napi::Object::New(info.Env());
    missing.Set("name", "cuda");
    missing.Set("kind", "cuda");
    missing.Set("isa", "");
    missing.Set("cores", 0);
    missing.Set("memoryBytes", 0);
    missing.Set("unavailable", why);
    all.Set(1U, missing);
  }
  return all;
}

static void offerCudaLibrary(const Napi::CallbackInfo& info) {
  agl::offerCudaLibrary(info[0].As<Napi::String>().Utf8Value());
}

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", agl::binding::EngineObject::define(env));
  exports.Set("Constraints", agl::binding::ConstraintsObject::define(env));
  exports.Set("devices", Napi::Function::New(env, devices));
  exports.Set("offerCudaLibrary", Napi::Function::New(env, offerCudaLibrary));
  exportAdvantages(env, exports);
  exportPolicyLoss(env, exports);
  return exports;
}

NODE_API_MODULE(agentlightning, initialise)
