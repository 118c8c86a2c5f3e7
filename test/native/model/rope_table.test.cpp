#include "model/rope_table.h"

#include <cmath>

#include "ops/backends.h"

namespace agl::test {
namespace {

constexpr double kPi = 3.14159265358979323846;

// The rope of the reference model llama3 in test/fixtures.
RopeParameters llama3() { return {500000, RopeKind::llama3, 8, 1, 4, 64}; }

}  // namespace

TEST("rope_table: frequencies are theta^(-2i/D), to float32's last steps") {
  for (const std::int64_t headSize : {8, 64, 128}) {
    for (std::int64_t i = 0; i < headSize / 2; i++) {
      const double exact = std::pow(500000.0, -2.0 * static_cast<double>(i) / static_cast<double>(headSize));
      // The exponent, the power and its reciprocal are rounded; the exponent's step grows by log(theta).
      CHECK_NEAR(static_cast<double>(ropeFrequency(i, headSize, {.theta = 500000})), exact, 0, 0x1p-24 * (2 + 13.2));
    }
    CHECK(ropeFrequency(0, headSize, {}) == 1.0F);
  }
}

TEST("rope_table: llama3 keeps short wavelengths, divides long ones by the factor and blends those between") {
  // D = 16: wavelengths 6.28, 32.4, 167, ...; kept below 16, divided above 64, between them blended.
  const RopeParameters p = llama3(), plain = {.theta = 500000};
  CHECK(ropeFrequency(0, 16, p) == 1.0F);
  const double f = std::pow(500000.0, -0.125);
  const double smooth = (64 / (2 * kPi / f) - 1) / 3;
  CHECK_NEAR(static_cast<double>(ropeFrequency(1, 16, p)), (1 - smooth) * f / 8 + smooth * f, 0, 2e-6);
  for (std::int64_t i = 2; i < 8; i++) CHECK(ropeFrequency(i, 16, p) == ropeFrequency(i, 16, plain) / 8.0F);
}

TEST("rope_table: linear scaling divides every frequency by the factor") {
  for (std::int64_t i = 0; i < 32; i++) {
    CHECK(ropeFrequency(i, 64, {.theta = 1e4, .kind = RopeKind::linear, .factor = 3}) ==
          ropeFrequency(i, 64, {.theta = 1e4}) / 3.0F);
  }
}

TEST("rope_table: every entry is the cosine or sine of the float32 product of position and frequency") {
  const std::int64_t positions = 2000, headSize = 64;
  Apart cos(positions, headSize / 2, kNan), sin(positions, headSize / 2, kNan);
  fillRopeTable(cos.view(), sin.view(), llama3());
  for (std::int64_t p = 0; p < positions; p++) {
    for (std::int64_t i = 0; i < headSize / 2; i++) {
      const float angle = static_cast<float>(p) * ropeFrequency(i, headSize, llama3());
      CHECK_NEAR(static_cast<double>(cos.row(p)[i]), std::cos(static_cast<double>(angle)), 1e-15, 0x1p-24);
      CHECK_NEAR(static_cast<double>(sin.row(p)[i]), std::sin(static_cast<double>(angle)), 1e-15, 0x1p-24);
    }
  }
  CHECK(cos.marksHold() && sin.marksHold());
}

}  // namespace agl::test
