// N-API faces of ops/loss/policy_loss: one record of typed arrays in, read in place; the value, its sums and two new arrays of
// derivatives out. Arguments were checked by src/policy/losses.
#include <napi.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrays.h"
#include "engine.h"

void exportPolicyLoss(Napi::Env env, Napi::Object exports);

namespace {

using namespace agl::binding;

std::span<const double> optionalDoubles(const Napi::Object& from, const char* name, std::size_t length) {
  const Napi::Value value = from.Get(name);
  return value.IsUndefined() ? std::span<const double>{} : doubles(value, length, name);
}

agl::LossInputs lossInputs(const Napi::Object& from) {
  agl::LossInputs in;
  in.logprobs = doubles(from.Get("logprobs"), "logprobs");
  const std::size_t tokens = in.logprobs.size();
  in.offsets = offsetsOf(from.Get("offsets"), tokens);
  in.mask = doubles(from.Get("mask"), tokens, "mask");
  in.weights = optionalDoubles(from, "weights", tokens);
  in.entropies = optionalDoubles(from, "entropies", tokens);
  in.advantages = optionalDoubles(from, "advantages", tokens);
  in.oldLogprobs = optionalDoubles(from, "oldLogprobs", tokens);
  in.sampledLogprobs = optionalDoubles(from, "sampledLogprobs", tokens);
  in.refLogprobs = optionalDoubles(from, "refLogprobs", tokens);
  return in;
}

std::optional<double> optionalNumber(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (value.IsUndefined()) return {};
  return value.ToNumber().DoubleValue();
}

agl::AggregateBy aggregateBy(const std::string& name) {
  if (name == "sum") return agl::AggregateBy::kSum;
  if (name == "token") return agl::AggregateBy::kToken;
  if (name == "sequence-mean") return agl::AggregateBy::kSequenceMean;
  if (name == "sequence-sum") return agl::AggregateBy::kSequenceSum;
  return name == "constant" ? agl::AggregateBy::kConstant : agl::AggregateBy::kUnit;
}

agl::Aggregate aggregateOf(const Napi::Object& from, std::size_t sequences) {
  agl::Aggregate aggregate{.by = aggregateBy(from.Get("by").ToString()), .total = optionalNumber(from, "total")};
  aggregate.length = optionalNumber(from, "length").value_or(1);
  if (aggregate.by != agl::AggregateBy::kUnit) return aggregate;
  aggregate.units = ints(from.Get("units"), "units");
  aggregate.unitCount = from.Get("unitCount").ToNumber().Int64Value();
  if (aggregate.units.size() != sequences) refuse(from.Env(), "units: expected one for each sequence");
  if (aggregate.unitCount < 0 || aggregate.unitCount > static_cast<std::int64_t>(sequences))
    refuse(from.Env(), "unitCount: expected at most the number of sequences");
  for (const std::int32_t unit : aggregate.units)
    if (unit < 0 || unit >= aggregate.unitCount) refuse(from.Env(), "units: expected ids below unitCount");
  return aggregate;
}

agl::Surrogate surrogateOf(const std::string& name) {
  if (name == "gspo") return agl::Surrogate::kGspo;
  if (name == "cispo") return agl::Surrogate::kCispo;
  if (name == "sapo") return agl::Surrogate::kSapo;
  if (name == "gmpo") return agl::Surrogate::kGmpo;
  if (name == "dppo") return agl::Surrogate::kDppo;
  if (name == "reinforce") return agl::Surrogate::kReinforce;
  return name == "importance" ? agl::Surrogate::kImportance : agl::Surrogate::kClip;
}

agl::SurrogateOptions surrogateOptions(const Napi::Object& from) {
  agl::SurrogateOptions options{.kind = surrogateOf(from.Get("kind").ToString())};
  options.low = optionalNumber(from, "low").value_or(options.low);
  options.high = optionalNumber(from, "high").value_or(options.high);
  options.dualClip = optionalNumber(from, "dualClip");
  options.max = optionalNumber(from, "max").value_or(options.max);
  options.tauPositive = optionalNumber(from, "tauPositive").value_or(options.tauPositive);
  options.tauNegative = optionalNumber(from, "tauNegative").value_or(options.tauNegative);
  options.bound = optionalNumber(from, "bound").value_or(options.bound);
  return options;
}

agl::CorrectionOptions correctionOptions(const Napi::Object& from) {
  const std::string kind = from.Get("kind").ToString();
  agl::CorrectionOptions options;
  if (kind == "tis") options.kind = agl::Correction::kTis;
  if (kind == "icepop") options.kind = agl::Correction::kIcepop;
  if (kind == "sequence-mask") options.kind = agl::Correction::kSequenceMask;
  options.min = optionalNumber(from, "min").value_or(0);
  options.max = optionalNumber(from, "max").value_or(0);
  options.offPolicyThreshold = optionalNumber(from, "offPolicyThreshold");
  options.entropyShare = optionalNumber(from, "entropyShare");
  return options;
}

agl::PolicyLossOptions policyLossOptions(const Napi::Object& from) {
  agl::PolicyLossOptions options;
  options.surrogate = surrogateOptions(from.Get("surrogate").ToObject());
  options.correction = correctionOptions(from.Get("correction").ToObject());
  const std::string kind = from.Get("klKind").ToString();
  options.klKind = kind == "k1" ? agl::KlKind::kK1 : kind == "k2" ? agl::KlKind::kK2 : agl::KlKind::kK3;
  options.klCoefficient = from.Get("klCoefficient").ToNumber();
  options.entropyCoefficient = from.Get("entropyCoefficient").ToNumber();
  return options;
}

Napi::Object sumsObject(Napi::Env env, const agl::LossSums& sums) {
  Napi::Object out = Napi::Object::New(env);
  const auto set = [&](const char* name, double value) { out.Set(name, Napi::Number::New(env, value)); };
  set("tokens", static_cast<double>(sums.tokens));
  set("logprob", sums.logprob);
  set("entropy", sums.entropy);
  set("ratio", sums.ratio);
  set("ratioMin", sums.ratioMin);
  set("ratioMax", sums.ratioMax);
  set("clippedLow", static_cast<double>(sums.clippedLow));
  set("clippedHigh", static_cast<double>(sums.clippedHigh));
  set("clippedDual", static_cast<double>(sums.clippedDual));
  set("klOld", sums.klOld);
  set("klRef", sums.klRef);
  set("coefficient", sums.coefficient);
  set("dropped", static_cast<double>(sums.dropped));
  return out;
}

struct Gradients {
  Gradients(Napi::Env env, std::size_t tokens) : dLogprobs(env, tokens), dEntropies(env, tokens) {}
  agl::LossOutputs spans() const { return {dLogprobs.span, dEntropies.span}; }
  Napi::Value with(Napi::Env env, const agl::LossValue& value) const {
    Napi::Object result = Napi::Object::New(env);
    result.Set("loss", Napi::Number::New(env, value.loss));
    result.Set("sums", sumsObject(env, value.sums));
    result.Set("dLogprobs", dLogprobs.array);
    result.Set("dEntropies", dEntropies.array);
    return result;
  }
  Output dLogprobs, dEntropies;
};

// (inputs)
Napi::Value logLikelihoodLoss(const Napi::CallbackInfo& info) {
  const agl::LossInputs in = lossInputs(info[0].ToObject());
  if (in.weights.size() != in.logprobs.size()) refuse(info.Env(), "weights: expected one for each token");
  const Gradients gradients(info.Env(), in.logprobs.size());
  return gradients.with(info.Env(), agl::logLikelihoodLoss(gradients.spans(), in));
}

// (inputs, options)
Napi::Value policyLoss(const Napi::CallbackInfo& info) {
  const agl::LossInputs in = lossInputs(info[0].ToObject());
  if (in.advantages.size() != in.logprobs.size()) refuse(info.Env(), "advantages: expected one for each token");
  const Napi::Object options = info[1].ToObject();
  const agl::PolicyLossOptions settings = policyLossOptions(options);
  using agl::Surrogate;
  const bool isToSampled = settings.surrogate.kind == Surrogate::kDppo || settings.surrogate.kind == Surrogate::kImportance;
  if ((isToSampled || settings.correction.kind != agl::Correction::kNone) && in.sampledLogprobs.empty() && !in.logprobs.empty())
    refuse(info.Env(), "sampledLogprobs: expected one for each token");
  if (settings.correction.entropyShare && in.entropies.empty() && !in.logprobs.empty())
    refuse(info.Env(), "entropies: expected one for each token");
  std::vector<double> shares(in.offsets.size() - 1);
  agl::sequenceShares(shares, in.offsets, in.mask, aggregateOf(options.Get("aggregate").ToObject(), shares.size()));
  const Gradients gradients(info.Env(), in.logprobs.size());
  return gradients.with(info.Env(), agl::policyLoss(gradients.spans(), in, shares, settings));
}

}  // namespace

void exportPolicyLoss(Napi::Env env, Napi::Object exports) {
  exports.Set("logLikelihoodLoss", Napi::Function::New(env, logLikelihoodLoss, "logLikelihoodLoss"));
  exports.Set("policyLoss", Napi::Function::New(env, policyLoss, "policyLoss"));
}
