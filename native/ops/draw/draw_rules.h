// The numbers by which a token is drawn (draw.h), one source for host and device.
#pragma once

#include <cstdint>

#include "core/elementary.double.h"
#include "core/host_device.h"
#include "ops/draw/draw.h"

namespace agl::drawing {

constexpr double kSteps = 0x1p44;  // of the largest weight

// The probability of a logit relative to the largest scaled logit.
AGL_HOST_DEVICE inline double shareOf(float logit, float inverseTemperature, float largest) {
  return elementary::source::exp(static_cast<double>(logit * inverseTemperature) - static_cast<double>(largest));
}

AGL_HOST_DEVICE inline std::uint64_t weightOf(double share) {
  if (!(share > 0)) return 0;
  return 1 + static_cast<std::uint64_t>((share < 1 ? share : 1.0) * kSteps);
}

// Ascending as logits fall; -0 is 0.
AGL_HOST_DEVICE inline std::uint32_t orderOf(float logit) {
  const auto bits = __builtin_bit_cast(std::uint32_t, logit + 0.0F);
  return bits >> 31 != 0 ? bits : ~(bits | 0x80000000U);
}

// Whether s is of a row that a token can be drawn from.
AGL_HOST_DEVICE inline bool isDrawable(float sum) { return sum > 0; }

// The mass of statistics m, s relative to the largest scaled logit.
AGL_HOST_DEVICE inline double massOf(float most, float sum, float largest) {
  const double shift = static_cast<double>(most) - static_cast<double>(largest);
  return static_cast<double>(sum) * elementary::source::exp(shift);
}

// What statistics of some tokens hold of those of all.
AGL_HOST_DEVICE inline float shareOfMass(float most, float sum, float mostOfAll, float sumOfAll) {
  const double share = massOf(most, sum, mostOfAll) / static_cast<double>(sumOfAll);
  return static_cast<float>(share < 1 ? share : 1.0);
}

// The token drawn is the first at which the sum of weights reaches the goal.
// In the vocabulary block before which lies the mass `before`; `total` is the weight of its tokens.
AGL_HOST_DEVICE inline std::uint64_t goalInBlock(double target, double before, std::uint64_t total) {
  const double rest = (target - before) * kSteps;
  const std::uint64_t goal = 1 + (rest > 0 ? static_cast<std::uint64_t>(rest) : 0);
  return goal < total ? goal : total;
}

// Among kept tokens that weigh `total` together.
AGL_HOST_DEVICE inline std::uint64_t goalAmong(double u, std::uint64_t total) {
  const std::uint64_t goal = 1 + static_cast<std::uint64_t>(u * static_cast<double>(total));
  return goal < total ? goal : total;
}

// The nucleus ends at the first token at which the sum of weights reaches this; `mass` in steps.
AGL_HOST_DEVICE inline std::uint64_t nucleusGoal(double topP, double mass) {
  const double wanted = topP * mass;
  const auto whole = static_cast<std::uint64_t>(wanted);
  const std::uint64_t goal = static_cast<double>(whole) < wanted ? whole + 1 : whole;
  return goal > 0 ? goal : 1;
}

// The least scaled logit that top-p or min-p may keep where top-k is not asked for. Tokens less probable than a share
// 1 - topP of an even distribution hold less than 1 - topP together, so the nucleus is full before it reaches one of them.
AGL_HOST_DEVICE inline double leastContender(const DrawPlan& plan, float most, float sum,
                                             std::int64_t vocabulary) {
  if (plan.topK > 0) return -elementary::source::kInfinity;
  const double even = (1 - plan.topP) * static_cast<double>(sum) / static_cast<double>(vocabulary);
  const double least = (even > plan.minP ? even : plan.minP) * (1 - 1e-6);
  return static_cast<double>(most) + elementary::source::log(least);
}

}  // namespace agl::drawing
