#include <bit>
#include <cfloat>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "core/cpu_features.h"
#include "core/half.h"
#include "core/philox.h"
#include "harness.h"
#include "lanes_probe.h"

namespace agl::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void onEverySet(const std::function<void(const LanesProbe&)>& law) {
  law(*scalarLanes());
  if (isaSupported(Isa::avx2)) law(*avx2Lanes());
  if (isaSupported(Isa::avx512)) law(*avx512Lanes());
}

// The same bits; any NaN equals any other, as IEEE leaves their payloads open.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

// Numbers where implementations differ, then random bit patterns (which hold NaN, infinities and denormals, too).
std::vector<float> inputs() {
  std::vector<float> out = {0.0F,     -0.0F,     1.0F,      -1.0F,      0.1F,    -0.3F,     0.5F,  -0.5F,
                            1.5F,     2.5F,      -2.5F,     3.5F,       0x1p-149F, -0x1p-149F, FLT_MIN, -FLT_MIN,
                            FLT_MAX,  -FLT_MAX,  kInfinity, -kInfinity, kNan,    -kNan,     0x1p23F, 0x1.fffffep22F,
                            0x1.fffffcp-127F, 0x1.000002p0F, 0x1p-75F, -0x1p-75F, 1e20F, -1e20F, 0x1p-126F, 7.0F};
  for (std::uint32_t i = 0; i < 24; i++) {
    for (const std::uint32_t bits : philox({i, 0, 0, 0}, 1)) out.push_back(std::bit_cast<float>(bits));
  }
  return out;
}

// Calls use(a, b, c) with sixteen numbers each until every triple of the first `specials` inputs and many others passed.
void forTriples(const std::function<void(const float*, const float*, const float*)>& use) {
  const std::vector<float> in = inputs();
  const std::size_t count = in.size();
  std::vector<float> a, b, c;
  const auto push = [&](std::size_t i, std::size_t j, std::size_t k) {
    a.push_back(in[i]);
    b.push_back(in[j]);
    c.push_back(in[k]);
  };
  for (std::size_t i = 0; i < 32; i++) {
    for (std::size_t j = 0; j < 32; j++) {
      for (std::size_t k = 0; k < 32; k++) push(i, j, k);
    }
  }
  for (std::size_t i = 0; i < count; i++) {
    for (std::size_t j = 0; j < count; j++) push(i, j, (i * 31 + j * 17) % count);
  }
  for (std::size_t at = 0; at + 16 <= a.size(); at += 16) use(&a[at], &b[at], &c[at]);
}

using Binary = void (*)(float*, const float*, const float*);

void checkBinary(const LanesProbe& probe, Binary LanesProbe::* operation, float (*expected)(float, float)) {
  forTriples([&](const float* a, const float* b, const float*) {
    float out[16];
    (probe.*operation)(out, a, b);
    for (int i = 0; i < 16; i++) CHECK(same(out[i], expected(a[i], b[i])));
  });
}

}  // namespace

TEST("lanes: add, sub, mul, div and fma are the one correctly rounded IEEE operation on every instruction set") {
  onEverySet([](const LanesProbe& probe) {
    checkBinary(probe, &LanesProbe::add, [](float a, float b) { return a + b; });
    checkBinary(probe, &LanesProbe::sub, [](float a, float b) { return a - b; });
    checkBinary(probe, &LanesProbe::mul, [](float a, float b) { return a * b; });
    checkBinary(probe, &LanesProbe::div, [](float a, float b) { return a / b; });
    forTriples([&](const float* a, const float* b, const float* c) {
      float out[16];
      probe.fma(out, a, b, c);
      for (int i = 0; i < 16; i++) CHECK(same(out[i], std::fma(a[i], b[i], c[i])));
    });
  });
}

TEST("lanes: max, min and less treat NaN and signed zeros as the comparison a > b, a < b does") {
  onEverySet([](const LanesProbe& probe) {
    checkBinary(probe, &LanesProbe::max, [](float a, float b) { return a > b ? a : b; });
    checkBinary(probe, &LanesProbe::min, [](float a, float b) { return a < b ? a : b; });
    checkBinary(probe, &LanesProbe::selectLess, [](float a, float b) { return a < b ? a : b * -1.0F; });
  });
}

TEST("lanes: sqrt is correctly rounded, roundEven takes ties to even, powerOfTwo is exact") {
  onEverySet([](const LanesProbe& probe) {
    forTriples([&](const float* a, const float*, const float*) {
      float root[16], rounded[16];
      probe.sqrt(root, a);
      probe.roundEven(rounded, a);
      for (int i = 0; i < 16; i++) {
        CHECK(same(root[i], std::sqrt(a[i])));
        // Promised below 2^22, and not for the sign of zero.
        if (std::abs(a[i]) < 0x1p22F) CHECK(rounded[i] == std::nearbyint(a[i]));
      }
    });
    for (int n = -126; n <= 127; n++) {
      float in[16], out[16];
      for (float& value : in) value = static_cast<float>(n);
      probe.powerOfTwo(out, in);
      for (const float value : out) CHECK(value == std::ldexp(1.0F, n));
    }
  });
}

TEST("lanes: the first lanes are loaded, stored and selected without touching the others' memory") {
  onEverySet([](const LanesProbe& probe) {
    for (int count = 0; count <= 16; count++) {
      // Exactly `count` numbers on the heap: the address sanitizer sees one more.
      std::vector<float> exact(static_cast<std::size_t>(count), 0.1F);
      float ones[16], twos[16], out[16];
      for (float& value : ones) value = 1.0F;
      for (float& value : twos) value = 2.0F;
      probe.copyFirst(out, exact.data(), count);
      for (int i = 0; i < 16; i++) CHECK(same(out[i], i < count ? 0.1F : 0.0F));
      probe.selectFirst(out, ones, twos, count);
      for (int i = 0; i < 16; i++) CHECK(out[i] == (i < count ? 1.0F : 2.0F));
      probe.writeFirst(exact.data(), ones, count);
      probe.writeFirst(twos, ones, count);
      for (int i = 0; i < 16; i++) CHECK(twos[i] == (i < count ? 1.0F : 2.0F));
      for (const float value : exact) CHECK(value == 1.0F);
    }
    float out[16];
    for (const float value : inputs()) {
      probe.broadcast(out, value);
      for (const float lane : out) CHECK(same(lane, value));
    }
  });
}

TEST("lanes: bf16 numbers are written as f32ToBf16 rounds them, NaN included, and read back, in order") {
  const std::vector<float> numbers = inputs();
  onEverySet([&](const LanesProbe& lanes) {
    for (std::size_t i = 0; i + 16 <= numbers.size(); i += 8) {
      std::uint16_t halves[16];
      float back[16];
      lanes.writeBf16(halves, numbers.data() + i);
      lanes.readBf16(back, halves);
      for (std::size_t j = 0; j < 16; j++) {
        CHECK(halves[j] == f32ToBf16(numbers[i + j]));
        CHECK(std::bit_cast<std::uint32_t>(back[j]) == std::uint32_t{halves[j]} << 16);
      }
    }
  });
}

TEST("lanes: sums and maxima over lanes follow one fixed tree, lanes 8, 4, 2 and 1 apart") {
  onEverySet([](const LanesProbe& probe) {
    forTriples([&](const float* a, const float*, const float*) {
      float sum[16], most[16];
      for (int i = 0; i < 16; i++) sum[i] = most[i] = a[i];
      for (const int width : {8, 4, 2, 1}) {
        for (int i = 0; i < width; i++) {
          sum[i] = sum[i] + sum[i + width];
          most[i] = most[i] > most[i + width] ? most[i] : most[i + width];
        }
      }
      CHECK(same(probe.sumLanes(a), sum[0]));
      CHECK(same(probe.maxLanes(a), most[0]));
    });
  });
}

}  // namespace agl::test
