// Typed arrays as spans: no copy, lengths checked, since a wrong one would read outside the array. Not validation: the
// TypeScript side has explained what is wrong before a value comes here.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

namespace agl::binding {

[[noreturn]] inline void refuse(Napi::Env env, const std::string& message) {
  const Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "E_INTERNAL"));
  throw error;
}

inline std::span<const double> doubles(const Napi::Value& value, std::size_t length, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    refuse(value.Env(), std::string(name) + ": expected a Float64Array");
  const Napi::Float64Array array = value.As<Napi::Float64Array>();
  if (array.ElementLength() != length) refuse(value.Env(), std::string(name) + ": expected the length of its siblings");
  return {array.Data(), length};
}

inline std::span<const double> doubles(const Napi::Value& value, const char* name) {
  const bool sized = value.IsTypedArray();
  return doubles(value, sized ? value.As<Napi::TypedArray>().ElementLength() : 0, name);
}

inline std::span<const std::int32_t> ints(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    refuse(value.Env(), std::string(name) + ": expected an Int32Array");
  const Napi::Int32Array array = value.As<Napi::Int32Array>();
  return {array.Data(), array.ElementLength()};
}

inline std::span<const std::int32_t> offsetsOf(const Napi::Value& value, std::size_t length) {
  const std::span<const std::int32_t> offsets = ints(value, "offsets");
  bool ascending = !offsets.empty() && offsets.front() == 0 && static_cast<std::size_t>(offsets.back()) == length;
  for (std::size_t s = 0; ascending && s + 1 < offsets.size(); s++) ascending = offsets[s] <= offsets[s + 1];
  if (!ascending) refuse(value.Env(), "offsets: expected to ascend from 0 to the number of tokens");
  return offsets;
}

struct Output {
  Output(Napi::Env env, std::size_t length) : array(Napi::Float64Array::New(env, length)), span(array.Data(), length) {}
  Napi::Float64Array array;
  std::span<double> span;
};

}  // namespace agl::binding
