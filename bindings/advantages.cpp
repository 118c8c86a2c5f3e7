// N-API faces of ops/loss/advantage: typed arrays in, read in place; a new Float64Array out. Arguments were checked by
// src/policy/advantages.ts; here only what would read or write outside an array is refused.
#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

#include "arrays.h"
#include "engine.h"

void exportAdvantages(Napi::Env env, Napi::Object exports);

namespace {

using namespace agl::binding;

agl::GroupAdvantageOptions groupOptions(const Napi::Object& from) {
  const std::string baseline = from.Get("baseline").ToString();
  const std::string scale = from.Get("scale").ToString();
  const std::string groupOfOne = from.Get("groupOfOne").ToString();
  agl::GroupAdvantageOptions options;
  options.baseline = baseline == "mean"   ? agl::Baseline::kMean
                     : baseline == "none" ? agl::Baseline::kNone
                                          : agl::Baseline::kLeaveOneOut;
  options.scale = scale == "group"  ? agl::AdvantageScale::kGroup
                  : scale == "none" ? agl::AdvantageScale::kNone
                                    : agl::AdvantageScale::kBatch;
  options.groupOfOne = groupOfOne == "reward" ? agl::GroupOfOne::kReward : agl::GroupOfOne::kZero;
  options.epsilon = from.Get("epsilon").ToNumber();
  return options;
}

// (rewards, groups, groupCount, options)
Napi::Value groupAdvantages(const Napi::CallbackInfo& info) {
  const std::span<const double> rewards = doubles(info[0], "rewards");
  const std::span<const std::int32_t> groups = ints(info[1], "groups");
  const std::int64_t groupCount = info[2].ToNumber().Int64Value();
  if (groups.size() != rewards.size()) refuse(info.Env(), "groups: expected the length of rewards");
  if (groupCount < 0 || groupCount > static_cast<std::int64_t>(rewards.size()))
    refuse(info.Env(), "groupCount: expected at most the number of rewards");
  for (const std::int32_t group : groups)
    if (group < 0 || group >= groupCount) refuse(info.Env(), "groups: expected ids below groupCount");
  const Output advantages(info.Env(), rewards.size());
  agl::groupAdvantages(advantages.span, rewards, groups, groupCount, groupOptions(info[3].ToObject()));
  return advantages.array;
}

// (rewards, offsets, gamma)
Napi::Value discountedReturns(const Napi::CallbackInfo& info) {
  const std::span<const double> rewards = doubles(info[0], "rewards");
  const std::span<const std::int32_t> offsets = offsetsOf(info[1], rewards.size());
  const Output returns(info.Env(), rewards.size());
  agl::discountedReturns(returns.span, rewards, offsets, info[2].ToNumber());
  return returns.array;
}

// ({ rewards, values, mask, offsets }, gamma, lambda)
Napi::Value gae(const Napi::CallbackInfo& info) {
  const Napi::Object from = info[0].ToObject();
  agl::GaeInputs in;
  in.rewards = doubles(from.Get("rewards"), "rewards");
  in.values = doubles(from.Get("values"), in.rewards.size(), "values");
  in.mask = doubles(from.Get("mask"), in.rewards.size(), "mask");
  in.offsets = offsetsOf(from.Get("offsets"), in.rewards.size());
  const Output advantages(info.Env(), in.rewards.size());
  const Output returns(info.Env(), in.rewards.size());
  agl::gae(advantages.span, returns.span, in, info[1].ToNumber(), info[2].ToNumber());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("advantages", advantages.array);
  result.Set("returns", returns.array);
  return result;
}

// (values, mask)
Napi::Value whiten(const Napi::CallbackInfo& info) {
  const std::span<const double> values = doubles(info[0], "values");
  const std::span<const double> mask = doubles(info[1], values.size(), "mask");
  const Output whitened(info.Env(), values.size());
  agl::whiten(whitened.span, values, mask);
  return whitened.array;
}

}  // namespace

void exportAdvantages(Napi::Env env, Napi::Object exports) {
  exports.Set("groupAdvantages", Napi::Function::New(env, groupAdvantages, "groupAdvantages"));
  exports.Set("discountedReturns", Napi::Function::New(env, discountedReturns, "discountedReturns"));
  exports.Set("gae", Napi::Function::New(env, gae, "gae"));
  exports.Set("whiten", Napi::Function::New(env, whiten, "whiten"));
}
