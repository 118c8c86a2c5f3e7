// Plain objects of the contract (src/policy/engine/binding.ts) as native values. They were checked there; a missing field is our own mistake and throws.
#pragma once

#include <napi.h>

#include "engine.h"

namespace agl::binding {

EngineOptions engineOptions(const Napi::Object& from);
struct AdapterOptions {
  std::vector<LoraTarget> targets;
  std::vector<std::string> files;
  std::uint64_t seed = 0;
};
AdapterOptions adapterOptions(const Napi::Object& from);
SampleRequest sampleRequest(const Napi::Object& from);
OptimStep optimStep(const Napi::Object& from);
std::vector<std::vector<float>> floatVectors(const Napi::Value& from);
TrainingState trainingState(const Napi::Object& from);
// Copies, since the work outlives the call.
struct OwnedSequences {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> offsets;
  Sequences view() const { return {tokens, offsets}; }
};
OwnedSequences sequences(const Napi::Object& from);

double numberField(const Napi::Object& from, const char* key);

}  // namespace agl::binding
