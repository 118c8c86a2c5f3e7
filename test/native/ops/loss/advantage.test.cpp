#include "ops/loss/advantage.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "core/philox.h"
#include "harness.h"

namespace {

using Doubles = std::vector<double>;
using Ids = std::vector<std::int32_t>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Doubles group(const Doubles& rewards, const Ids& groups, std::int64_t groupCount, agl::GroupAdvantageOptions options = {}) {
  Doubles out(rewards.size(), kNan);
  agl::groupAdvantages(out, rewards, groups, groupCount, options);
  return out;
}

Doubles noise(std::size_t count, std::uint64_t key) {
  Doubles out;
  for (std::uint32_t i = 0; i < count; i++) {
    const agl::PhiloxBlock block = agl::philox({i, 0, 0, 0}, key);
    out.push_back(agl::uniform(block[0], block[1]) * 2 - 1);
  }
  return out;
}

void checkNear(const Doubles& got, const Doubles& expected) {
  CHECK(got.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); i++) CHECK_NEAR(got[i], expected[i], 1e-15, 1e-12);
}

TEST("group advantages of 0.1, 0.2, 0.7 are those of the hand calculation") {
  // mean 1/3, deviations -7/30, -4/30, 11/30, variance (49 + 16 + 121) / 900 / 2 = 0.10333...
  const double s = std::sqrt(93.0 / 900.0) + 1e-6;
  checkNear(group({0.1, 0.2, 0.7}, {0, 0, 0}, 1), {-7 / 30.0 / s, -4 / 30.0 / s, 11 / 30.0 / s});
  checkNear(group({0.1, 0.2, 0.7}, {0, 0, 0}, 1, {.scale = agl::AdvantageScale::kNone}), {-7 / 30.0, -4 / 30.0, 11 / 30.0});
  checkNear(group({0.1, 0.2, 0.7}, {0, 0, 0}, 1,
                  {.baseline = agl::Baseline::kLeaveOneOut, .scale = agl::AdvantageScale::kNone}),
            {0.1 - 0.45, 0.2 - 0.4, 0.7 - 0.15});
}

TEST("equal rewards have advantages of exactly zero whatever their sum rounds to") {
  for (const double reward : {0.1, 0.3, 1.0 / 3, 1e-300, -7.7, 1e300}) {
    for (std::size_t n = 1; n <= 17; n++) {
      for (const auto baseline : {agl::Baseline::kMean, agl::Baseline::kLeaveOneOut}) {
        const Doubles a = group(Doubles(n, reward), Ids(n, 0), 1, {.baseline = baseline, .epsilon = 0});
        for (const double x : a) CHECK(x == 0);
      }
    }
  }
}

TEST("a missing reward gets zero and leaves its siblings as if it had not been there") {
  for (const auto scale : {agl::AdvantageScale::kGroup, agl::AdvantageScale::kBatch, agl::AdvantageScale::kNone}) {
    const Doubles with = group({kNan, 0.1, 0.2, kNan, 0.7, 0.4}, {0, 0, 0, 0, 0, 1}, 2, {.scale = scale});
    const Doubles without = group({0.1, 0.2, 0.7, 0.4}, {0, 0, 0, 1}, 2, {.scale = scale});
    CHECK(with == Doubles({0, without[0], without[1], 0, without[2], without[3]}));
  }
}

TEST("the discounted return starts anew in each sequence") {
  Doubles out(6, kNan);
  agl::discountedReturns(out, Doubles{1, 2, 3, 4, 5, 6}, Ids{0, 3, 3, 6}, 0.5);
  CHECK(out == Doubles({2.75, 3.5, 3, 8, 8, 6}));
}

TEST("gae is bit for bit independent of what stands on unsampled tokens") {
  const std::size_t n = 40;
  const Ids offsets{0, 13, 14, 40};
  Doubles rewards = noise(n, 1);
  Doubles values = noise(n, 2);
  Doubles mask = noise(n, 3);
  for (double& m : mask) m = m > -0.2;
  Doubles a(n, kNan), r(n, kNan), a2(n, kNan), r2(n, kNan);
  agl::gae(a, r, {rewards, values, mask, offsets}, 0.9, 0.8);
  for (std::size_t t = 0; t < n; t++)
    if (mask[t] == 0) rewards[t] = values[t] = t % 2 ? kNan : 1e9;
  agl::gae(a2, r2, {rewards, values, mask, offsets}, 0.9, 0.8);
  CHECK(a == a2);
  CHECK(r == r2);
}

TEST("gae with lambda 1 returns the discounted return of the sampled tokens, with lambda 0 the one-step error") {
  const Doubles rewards{0.1, 9, 0.2, 0.7}, values{0.3, 9, -0.4, 0.5}, mask{1, 0, 1, 1};
  const Ids offsets{0, 4};
  Doubles a(4), r(4);
  agl::gae(a, r, {rewards, values, mask, offsets}, 0.5, 1);
  checkNear(r, {0.1 + 0.5 * (0.2 + 0.35), 0, 0.2 + 0.35, 0.7});
  agl::gae(a, r, {rewards, values, mask, offsets}, 0.5, 0);
  checkNear(a, {0.1 + 0.5 * -0.4 - 0.3, 0, 0.2 + 0.5 * 0.5 + 0.4, 0.7 - 0.5});
}

TEST("whitened numbers have mean 0 and sample variance 1 over the mask and are 0 outside it") {
  Doubles values = noise(101, 4);
  Doubles mask(101, 1);
  for (std::size_t t = 0; t < 101; t += 3) values[t] = kNan, mask[t] = 0;
  Doubles y(101, kNan);
  agl::whiten(y, values, mask);
  double sum = 0, squares = 0, count = 0;
  for (std::size_t t = 0; t < 101; t++) {
    if (mask[t] == 0) CHECK(y[t] == 0);
    sum += y[t], squares += y[t] * y[t], count += mask[t];
  }
  CHECK_NEAR(sum, 0, 1e-12, 0);
  CHECK_NEAR(squares / (count - 1), 1, 0, 1e-7);
}

}  // namespace
