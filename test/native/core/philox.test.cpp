#include "core/philox.h"

#include "harness.h"

namespace agl::test {

TEST("philox: the published known answers of Philox4x32-10 come out") {
  // kat_vectors of Random123, the authors' own library.
  struct Answer {
    PhiloxBlock counter;
    std::uint64_t key;
    PhiloxBlock block;
  };
  constexpr std::uint32_t ones = 0xffffffff;
  const Answer answers[] = {
      {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{ones, ones, ones, ones}, ~std::uint64_t{0}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       0x299f31d0'a4093822,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Answer& answer : answers) CHECK(philox(answer.counter, answer.key) == answer.block);
}

TEST("philox: uniform lies in [0, 1) and reaches both of its ends") {
  CHECK(uniform(0, 0) == 0);
  CHECK(uniform(0xffffffff, 0xffffffff) == 1 - 0x1p-53);
  CHECK(uniform(0x80000000, 0) == 0.5);
  CHECK(uniform(0, 1U << 11) == 0x1p-53);
  double sum = 0;
  for (std::uint32_t i = 0; i < 10'000; i++) {
    const PhiloxBlock block = philox({i, 0, 0, 0}, 7);
    const double value = uniform(block[0], block[1]);
    CHECK(value >= 0 && value < 1);
    sum += value;
  }
  CHECK_NEAR(sum / 10'000, 0.5, 0.012, 0);  // 4 standard deviations of 1 / sqrt(12 n)
}

}  // namespace agl::test
