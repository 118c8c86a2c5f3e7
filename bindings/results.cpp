#include "results.h"

#include <cstring>

namespace agl::binding {

napi_value number(napi_env env, double value) {
  napi_value out = nullptr;
  napi_create_double(env, value, &out);
  return out;
}

napi_value text(napi_env env, const std::string& value) {
  napi_value out = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &out);
  return out;
}

static napi_value array(napi_env env, napi_typedarray_type type, const void* data, std::size_t count) {
  void* memory = nullptr;
  napi_value buffer = nullptr;
  napi_value out = nullptr;
  if (napi_create_arraybuffer(env, count * 4, &memory, &buffer) != napi_ok) return nullptr;
  if (count > 0) std::memcpy(memory, data, count * 4);
  napi_create_typedarray(env, type, count, buffer, 0, &out);
  return out;
}

napi_value floats(napi_env env, const float* data, std::size_t count) {
  return array(env, napi_float32_array, data, count);
}

napi_value ints(napi_env env, const std::vector<std::int32_t>& values) {
  return array(env, napi_int32_array, values.data(), values.size());
}

napi_value object(napi_env env) {
  napi_value out = nullptr;
  napi_create_object(env, &out);
  return out;
}

void set(napi_env env, napi_value target, const char* key, napi_value value) {
  if (target != nullptr && value != nullptr) napi_set_named_property(env, target, key, value);
}

napi_value error(napi_env env, const std::string& code, const std::string& message) {
  napi_value out = nullptr;
  napi_create_error(env, nullptr, text(env, message), &out);
  set(env, out, "code", text(env, code));
  return out;
}

napi_value choices(napi_env env, const std::vector<Choice>& values) {
  napi_value out = nullptr;
  if (napi_create_array_with_length(env, values.size(), &out) != napi_ok) return nullptr;
  for (std::size_t i = 0; i < values.size(); i++) {
    const Choice& choice = values[i];
    const char* reason = choice.finishReason == FinishReason::stop     ? "stop"
                         : choice.finishReason == FinishReason::length ? "length"
                                                                       : "aborted";
    napi_value item = object(env);
    set(env, item, "tokens", ints(env, choice.tokens));
    set(env, item, "logprobs", floats(env, choice.logprobs.data(), choice.logprobs.size()));
    set(env, item, "versions", ints(env, choice.versions));
    set(env, item, "finishReason", text(env, reason));
    if (!choice.mass.empty()) {
      set(env, item, "mass", floats(env, choice.mass.data(), choice.mass.size()));
      set(env, item, "forced", ints(env, choice.forced));
    }
    std::vector<std::int32_t> topTokens;
    std::vector<float> topLogprobs;
    for (const TokenLogprob& top : choice.top) {
      topTokens.push_back(top.token);
      topLogprobs.push_back(top.logprob);
    }
    set(env, item, "topTokens", ints(env, topTokens));
    set(env, item, "topLogprobs", floats(env, topLogprobs.data(), topLogprobs.size()));
    if (item != nullptr) napi_set_element(env, out, static_cast<std::uint32_t>(i), item);
  }
  return out;
}

}  // namespace agl::binding
