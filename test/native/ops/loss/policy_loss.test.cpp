#include "ops/loss/policy_loss.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "core/philox.h"
#include "harness.h"

namespace {

using Doubles = std::vector<double>;
using Ids = std::vector<std::int32_t>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Three sequences and an empty one; log ratios within +-0.15 of no clip edge of 0.2, 0.28 and 3.
struct Update {
  Ids offsets{0, 7, 7, 12, 23};
  Ids units{1, 0, 0, 1};
  Doubles logprobs, mask, weights, entropies, advantages, old, sampled, ref;

  Update() {
    constexpr std::array<double, 5> kLogRatios{-0.4, -0.03, 0.06, 0.35, 1.3};
    for (std::uint32_t t = 0; t < 23; t++) {
      const auto draw = [&](std::uint32_t what) {
        const agl::PhiloxBlock block = agl::philox({t, what, 0, 0}, 5);
        return agl::uniform(block[0], block[1]);
      };
      logprobs.push_back(-4 * draw(0) - 0.1);
      mask.push_back(draw(1) < 0.7);
      weights.push_back(draw(2) - 0.4);
      entropies.push_back(draw(3) * 3);
      advantages.push_back((draw(4) < 0.5 ? -1 : 1) * (0.3 + draw(4)));
      old.push_back(logprobs[t] - kLogRatios[t % 5]);
      sampled.push_back(old[t] + 0.8 * draw(6) - 0.4);
      ref.push_back(logprobs[t] + 3 * draw(5) - 1.5);
    }
  }
  agl::LossInputs inputs() const { return {offsets, logprobs, mask, weights, entropies, advantages, old, sampled, ref}; }
};

struct Evaluated {
  agl::LossValue value;
  Doubles dLogprobs, dEntropies;
};

Evaluated ppo(const agl::LossInputs& in, const agl::PolicyLossOptions& options, const agl::Aggregate& aggregate) {
  Doubles shares(in.offsets.size() - 1, kNan);
  agl::sequenceShares(shares, in.offsets, in.mask, aggregate);
  Evaluated e{{}, Doubles(in.logprobs.size(), kNan), Doubles(in.logprobs.size(), kNan)};
  e.value = agl::policyLoss({e.dLogprobs, e.dEntropies}, in, shares, options);
  return e;
}

double centralDifference(const std::function<double()>& f, double& x) {
  constexpr double kStep = 1e-3;
  const double x0 = x;
  const auto at = [&](double steps) {
    x = x0 + steps * kStep;
    return f();
  };
  const double d = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * kStep);
  x = x0;
  return d;
}

TEST("the derivatives of the clipped ratio are central differences for every option and aggregation") {
  Update u;
  for (const auto by : {agl::AggregateBy::kSum, agl::AggregateBy::kToken, agl::AggregateBy::kSequenceMean,
                        agl::AggregateBy::kSequenceSum, agl::AggregateBy::kConstant, agl::AggregateBy::kUnit}) {
    for (const auto kind : {agl::KlKind::kK1, agl::KlKind::kK2, agl::KlKind::kK3}) {
      for (const double coefficient : {0.0, 0.3}) {
        for (const bool dual : {false, true}) {
          agl::PolicyLossOptions options{.klKind = kind, .klCoefficient = coefficient, .entropyCoefficient = coefficient};
          if (dual) options.surrogate.dualClip = 3;
          const agl::Aggregate aggregate{.by = by, .total = {}, .length = 11, .units = u.units, .unitCount = 2};
          const auto loss = [&] { return ppo(u.inputs(), options, aggregate).value.loss; };
          const Evaluated e = ppo(u.inputs(), options, aggregate);
          for (std::size_t t = 0; t < u.logprobs.size(); t++) {
            CHECK_NEAR(e.dLogprobs[t], centralDifference(loss, u.logprobs[t]), 1e-11, 1e-8);
            CHECK_NEAR(e.dEntropies[t], centralDifference(loss, u.entropies[t]), 1e-11, 1e-8);
          }
        }
      }
    }
  }
}

// One advantage for each sequence: a sequence's ratio is then the same function of every token's number.
void shareAdvantages(Update& u) {
  for (std::size_t s = 0; s + 1 < u.offsets.size(); s++)
    for (std::int32_t t = u.offsets[s]; t < u.offsets[s + 1]; t++) u.advantages[t] = s % 2 == 0 ? 0.7 : -0.9;
}

TEST("the derivatives of every surrogate without a stopped factor are central differences, under every correction") {
  using agl::Correction;
  using agl::Surrogate;
  for (const Surrogate kind : {Surrogate::kClip, Surrogate::kGspo, Surrogate::kSapo, Surrogate::kGmpo, Surrogate::kDppo,
                               Surrogate::kReinforce, Surrogate::kImportance}) {
    for (const agl::CorrectionOptions& correction :
         {agl::CorrectionOptions{}, agl::CorrectionOptions{.kind = Correction::kTis, .max = 1.1},
          agl::CorrectionOptions{.kind = Correction::kIcepop, .min = 0.8, .max = 1.2},
          agl::CorrectionOptions{.kind = Correction::kSequenceMask, .min = 0.95, .max = 1.02},
          agl::CorrectionOptions{.offPolicyThreshold = -0.05}, agl::CorrectionOptions{.entropyShare = 0.5}}) {
      // A coefficient of its own for every token of a sequence breaks the token form's tie to the sequence's ratio.
      if (kind == Surrogate::kGspo && correction.kind != Correction::kNone && correction.kind != Correction::kSequenceMask) continue;
      if (kind == Surrogate::kGspo && correction.entropyShare) continue;
      Update u;
      if (kind == Surrogate::kGspo) shareAdvantages(u);
      agl::PolicyLossOptions options{.correction = correction};
      options.surrogate.kind = kind;
      options.surrogate.bound = 0.3;  // log ratios here are 0.4 and -0.4 among others: no kink is near
      const agl::Aggregate aggregate{.by = agl::AggregateBy::kSequenceMean};
      const auto loss = [&] { return ppo(u.inputs(), options, aggregate).value.loss; };
      const Evaluated e = ppo(u.inputs(), options, aggregate);
      for (std::size_t t = 0; t < u.logprobs.size(); t++)
        CHECK_NEAR(e.dLogprobs[t], centralDifference(loss, u.logprobs[t]), 1e-11, 1e-8);
    }
  }
}

TEST("a bounded weight has no derivative: cispo's is the weight times the score") {
  Update u;
  agl::PolicyLossOptions options;
  options.surrogate.kind = agl::Surrogate::kCispo;
  options.surrogate.max = 1.2;
  const Evaluated e = ppo(u.inputs(), options, {.by = agl::AggregateBy::kSum});
  std::int64_t above = 0;
  for (std::size_t t = 0; t < 23; t++) {
    const double ratio = std::exp(u.logprobs[t] - u.old[t]);
    CHECK_NEAR(e.dLogprobs[t], u.mask[t] == 0 ? 0 : -std::min(ratio, 1.2) * u.advantages[t], 0, 1e-14);
    above += u.mask[t] != 0 && ratio > 1.2;
  }
  CHECK(above > 0 && e.value.sums.clippedHigh == above);
}

TEST("where ratios are 1, the surrogates of single tokens have one gradient, and corrections change no bit") {
  using agl::Surrogate;
  Update u;
  u.old = u.logprobs;
  u.sampled = u.logprobs;
  for (const Surrogate kind : {Surrogate::kClip, Surrogate::kCispo, Surrogate::kDppo, Surrogate::kReinforce, Surrogate::kImportance}) {
    for (const agl::Correction correction : {agl::Correction::kNone, agl::Correction::kTis, agl::Correction::kIcepop, agl::Correction::kSequenceMask}) {
      agl::PolicyLossOptions options{.correction = {.kind = correction, .min = 0.9, .max = 1.1}};
      options.surrogate.kind = kind;
      const Evaluated e = ppo(u.inputs(), options, {.by = agl::AggregateBy::kSum});
      for (std::size_t t = 0; t < 23; t++) CHECK(e.dLogprobs[t] == -u.mask[t] * u.advantages[t]);
    }
  }
}

TEST("a share of the entropies keeps the highest, the earlier among equals, and leaves the denominator alone") {
  const Ids offsets{0, 5};
  const Doubles zero(5, 0), mask{1, 1, 0, 1, 1}, advantages(5, 1), entropies{0.5, 2, 9, 0.5, 0.1};
  Doubles d(5, kNan), dh(5, kNan), shares(1);
  agl::sequenceShares(shares, offsets, mask, {.by = agl::AggregateBy::kToken});
  const agl::LossValue value = agl::policyLoss({d, dh}, {offsets, zero, mask, {}, entropies, advantages, {}, {}, {}}, shares,
                                               {.correction = {.entropyShare = 0.5}});
  CHECK(d == Doubles({-0.25, -0.25, 0, 0, 0}));
  CHECK(value.sums.dropped == 2 && value.sums.tokens == 4);
}

TEST("the derivatives of the log-likelihood are minus the weights") {
  Update u;
  Doubles d(23, kNan), dh(23, kNan);
  const agl::LossValue value = agl::logLikelihoodLoss({d, dh}, u.inputs());
  double expected = 0;
  for (std::size_t t = 0; t < 23; t++) {
    expected -= u.mask[t] * u.weights[t] * u.logprobs[t];
    CHECK(d[t] == -u.mask[t] * u.weights[t]);
    CHECK(dh[t] == 0);
  }
  CHECK_NEAR(value.loss, expected, 1e-14, 0);
}

TEST("a ratio of 1 gives the policy gradient, with and without the numbers at update start") {
  Update u;
  u.old = u.logprobs;
  agl::LossInputs in = u.inputs();
  for (int round = 0; round < 2; round++) {
    const Evaluated e = ppo(in, {}, {.by = agl::AggregateBy::kSum});
    for (std::size_t t = 0; t < 23; t++) CHECK(e.dLogprobs[t] == -u.mask[t] * u.advantages[t]);
    CHECK(e.value.sums.ratioMin == 1 && e.value.sums.ratioMax == 1 && e.value.sums.klOld == 0);
    in.oldLogprobs = {};
  }
}

TEST("shares divide by what counts: tokens, sequences, units; one without any has share 0") {
  const Ids offsets{0, 3, 5, 5, 7}, units{1, 0, 2, 1};
  const Doubles mask{1, 0, 1, 0, 0, 1, 1};
  const auto shares = [&](const agl::Aggregate& aggregate) {
    Doubles out(4, kNan);
    agl::sequenceShares(out, offsets, mask, aggregate);
    return out;
  };
  const auto unit = [&](std::optional<double> total) {
    return shares({.by = agl::AggregateBy::kUnit, .total = total, .units = units, .unitCount = 3});
  };
  CHECK(shares({.by = agl::AggregateBy::kSum}) == Doubles({1, 0, 0, 1}));
  CHECK(shares({.by = agl::AggregateBy::kToken}) == Doubles({0.25, 0, 0, 0.25}));
  CHECK(shares({.by = agl::AggregateBy::kToken, .total = 10}) == Doubles({0.1, 0, 0, 0.1}));
  CHECK(shares({.by = agl::AggregateBy::kSequenceMean}) == Doubles({0.25, 0, 0, 0.25}));
  CHECK(shares({.by = agl::AggregateBy::kSequenceSum}) == Doubles({0.5, 0, 0, 0.5}));
  CHECK(shares({.by = agl::AggregateBy::kConstant, .length = 8}) == Doubles({0.0625, 0, 0, 0.0625}));
  CHECK(unit({}) == Doubles({0.25, 0, 0, 0.25}));
  CHECK(unit(4) == Doubles({0.0625, 0, 0, 0.0625}));
}

TEST("an update evaluated in two parts with the shares of the whole has the derivatives of the whole, to the bit") {
  Update u;
  const agl::LossInputs in = u.inputs();
  Doubles shares(4);
  agl::sequenceShares(shares, in.offsets, in.mask, {.by = agl::AggregateBy::kSequenceMean});
  const Evaluated whole = ppo(in, {.klCoefficient = 0.1}, {.by = agl::AggregateBy::kSequenceMean});
  double loss = 0;
  std::int64_t tokens = 0;
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 3}}) {
    const std::int32_t from = u.offsets[first], to = u.offsets[first + count];
    Ids offsets;
    for (std::size_t s = first; s <= first + count; s++) offsets.push_back(u.offsets[s] - from);
    const auto cut = [&](std::span<const double> x) { return x.subspan(from, to - from); };
    Doubles d(to - from, kNan), dh(to - from, kNan);
    const agl::LossValue part = agl::policyLoss(
        {d, dh}, {offsets, cut(in.logprobs), cut(in.mask), {}, {}, cut(in.advantages), cut(in.oldLogprobs), {}, cut(in.refLogprobs)},
        std::span(shares).subspan(first, count), {.klCoefficient = 0.1});
    for (std::int32_t t = from; t < to; t++) CHECK(d[t - from] == whole.dLogprobs[t]);
    loss += part.loss;
    tokens += part.sums.tokens;
  }
  CHECK_NEAR(loss, whole.value.loss, 1e-15, 1e-14);
  CHECK(tokens == whole.value.sums.tokens);
}

TEST("k2 and k3 are never negative, zero at equality, and agree with expm1 down to the smallest difference") {
  for (const auto kind : {agl::KlKind::kK2, agl::KlKind::kK3}) {
    for (double d = 1e-300; d < 25; d *= 1.7) {
      for (const double sign : {-1.0, 1.0}) {
        const Ids offsets{0, 1};
        const Doubles zero{0}, one{1}, ref{sign * d};
        Doubles dl(1), dh(1);
        const agl::LossValue v = agl::policyLoss({dl, dh}, {offsets, zero, one, {}, {}, zero, {}, {}, ref}, one,
                                                  {.klKind = kind, .klCoefficient = 1});
        CHECK(v.loss >= 0);
        const double held = std::min(d, 20.0) * sign;
        if (kind == agl::KlKind::kK3) {
          if (std::abs(held) > 1e-3) CHECK_NEAR(v.loss, std::expm1(held) - held, 0, 1e-12);
          CHECK_NEAR(dl[0], d > 20 ? 0 : -std::expm1(held), 0, 1e-14);
        }
      }
    }
  }
  Update u;
  u.ref = u.logprobs;
  CHECK(ppo(u.inputs(), {.klCoefficient = 1}, {}).value.sums.klRef == 0);
}

TEST("a log ratio beyond 20 has the value of 20 and no derivative") {
  const Ids offsets{0, 4};
  const Doubles logprobs{0, 0, -20.5, -19.5}, ones(4, 1), shares{1}, none(4, 0), advantages{-1, -1, 1, 1};
  const Doubles old{-20.5, -19.5, 0, 0};
  Doubles d(4, kNan), dh(4, kNan);
  agl::policyLoss({d, dh}, {offsets, logprobs, ones, {}, {}, advantages, old, {}, {}}, shares, {});
  CHECK(d[0] == 0 && d[2] == 0);
  CHECK_NEAR(d[1], std::exp(19.5), 0, 1e-13);
  CHECK_NEAR(d[3], -std::exp(-19.5), 0, 1e-13);
  // The same four as k3 to a reference.
  const agl::LossValue held = agl::policyLoss({d, dh}, {offsets, old, ones, {}, {}, none, {}, {}, logprobs}, shares,
                                               {.klKind = agl::KlKind::kK3, .klCoefficient = 1});
  CHECK_NEAR(held.sums.klRef, std::exp(20) - 21 + std::exp(19.5) - 20.5 + std::exp(-20) + 19 + std::exp(-19.5) + 18.5, 0, 1e-13);
  CHECK(d[0] == 0 && d[2] == 0);
  CHECK_NEAR(d[1], 1 - std::exp(19.5), 0, 1e-13);
  CHECK_NEAR(d[3], 1 - std::exp(-19.5), 0, 1e-13);
}

TEST("a number that is not finite on a token that counts makes the loss not finite, elsewhere it is not read") {
  for (const double bad : {kNan, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    for (const auto member : {&Update::logprobs, &Update::old, &Update::ref, &Update::advantages, &Update::entropies}) {
      Update u;
      const agl::PolicyLossOptions options{.klCoefficient = 0.1, .entropyCoefficient = 0.1};
      const Evaluated before = ppo(u.inputs(), options, {});
      for (std::size_t t = 0; t < 23; t++)
        if (u.mask[t] == 0) (u.*member)[t] = bad;
      const Evaluated masked = ppo(u.inputs(), options, {});
      CHECK(masked.value.loss == before.value.loss);
      CHECK(masked.dLogprobs == before.dLogprobs && masked.dEntropies == before.dEntropies);
      for (std::size_t t = 0; t < 23; t++) {
        if (u.mask[t] == 0) continue;
        (u.*member)[t] = bad;
        break;
      }
      CHECK(!std::isfinite(ppo(u.inputs(), options, {}).value.loss));
    }
    Update u;
    u.logprobs[0] = bad;
    u.mask[0] = 1;
    agl::LossInputs in = u.inputs();
    in.oldLogprobs = {};
    CHECK(!std::isfinite(ppo(in, {}, {}).value.loss));
  }
}

TEST("an update in which no token counts has loss 0 and derivatives 0 under every aggregation") {
  Update u;
  u.mask.assign(23, 0);
  for (const auto by : {agl::AggregateBy::kSum, agl::AggregateBy::kToken, agl::AggregateBy::kSequenceMean,
                        agl::AggregateBy::kSequenceSum, agl::AggregateBy::kConstant, agl::AggregateBy::kUnit}) {
    const Evaluated e = ppo(u.inputs(), {.klCoefficient = 1, .entropyCoefficient = 1},
                            {.by = by, .total = {}, .length = 3, .units = u.units, .unitCount = 2});
    CHECK(e.value.loss == 0);
    CHECK(e.dLogprobs == Doubles(23, 0) && e.dEntropies == Doubles(23, 0));
  }
}

}  // namespace
