// Whether the instructions of tensor cores agree bit for bit: within a family they must, between families it is recorded.
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "ops/linear/linear_cuda.h"
#include "ops/linear/packed_weights.h"

namespace agl::test {
namespace {

constexpr std::int64_t kRows = 64, kOutputs = 200;

// What a number in (-1, 1) becomes: sums that show how an instruction aligns, rounds and flushes what it adds.
struct Magnitudes {
  const char* name;
  float (*of)(float number, std::size_t i);
};
constexpr Magnitudes kMagnitudes[] = {
    {"in (-1, 1)", [](float number, std::size_t) { return number; }},
    {"of 41 binary magnitudes",
     [](float number, std::size_t i) { return std::ldexp(number, static_cast<int>(i * 7919 % 41) - 20); }},
    {"whose products are subnormal", [](float number, std::size_t) { return std::ldexp(number, -66); }},
};

Floats numbersOf(const Magnitudes& magnitudes, std::int64_t count, std::uint64_t seed) {
  Floats out = randomNumbers(count, seed);
  for (std::size_t i = 0; i < out.size(); i++) out[i] = magnitudes.of(out[i], i);
  return out;
}

Floats product(Context& ctx, const ProductFamily& family, Tile tile, View x, const Packed& w) {
  const std::int64_t stride = operandStride(w.k);
  Mirrored<std::uint16_t> operand(ctx.device, std::vector<std::uint16_t>(static_cast<std::size_t>(x.rows * stride)));
  Mirrored<float> parts(ctx.device, Floats(bf16ScratchBytes(x.rows, w.n, w.k) / sizeof(float)));
  Mirrored<float> y(ctx.device, Floats(static_cast<std::size_t>(x.rows * w.n), kNan));
  roundRows(cudaDevice(ctx), "test", operand.device(), x.rows, x);
  multiplyBf16(cudaDevice(ctx), family, "test", y.device(), operand.device(), w.bf16(), parts.device(),
               {x.rows, w.n, w.k, w.n, stride, stride, false, false}, tile);
  return y.host();
}

Floats fewRows(Context& ctx, const ProductFamily& family, const View& x, const Packed& w) {
  Mirrored<float> y(ctx.device, Floats(static_cast<std::size_t>(kFewRows * w.n), kNan));
  const LinearOutput output{matrix(y.device(), kFewRows, w.n), w};
  family.fewRows(cudaDevice(ctx), x.slice(0, kFewRows), {&output, 1});
  return y.host();
}

// Numbers of the same sign count how many lie between them.
std::int64_t stepsApart(float a, float b) {
  const auto place = [](float number) {
    const auto bits = static_cast<std::int64_t>(std::bit_cast<std::int32_t>(number));
    return bits < 0 ? -(bits & 0x7fffffff) : bits;
  };
  return std::abs(place(a) - place(b));
}

void recordAgreement(const CudaDevice& device, const std::string& operands, const Floats& mma, const Floats& wgmma) {
  std::size_t same = 0;
  std::int64_t farthest = 0;
  for (std::size_t i = 0; i < mma.size(); i++) {
    if (sameNumber(mma[i], wgmma[i])) same++;
    else farthest = std::max(farthest, stepsApart(mma[i], wgmma[i]));
  }
  record("instruction agreement on " + device.name() + ": mma.sync and wgmma, " + operands + ": " + std::to_string(same) +
         " of " + std::to_string(mma.size()) + " sums have the same bits, the others differ by at most " +
         std::to_string(farthest) + " steps");
}

}  // namespace

TEST("linear on CUDA: the instructions of a family agree bit for bit, whatever the operands; between families it is recorded") {
  const auto law = [](Context& ctx) {
    const CudaDevice& device = cudaDevice(ctx);
    for (const Magnitudes& magnitudes : kMagnitudes) {
      for (const std::int64_t k : {16, 64, 1024, 2100}) {
        Apart x(kRows, k, numbersOf(magnitudes, kRows * k, 1), ctx.device);
        PackedWeights w(ctx, Dtype::bf16, numbersOf(magnitudes, kOutputs * k, 2), kOutputs, k);
        std::vector<Floats> results;
        for (const ProductFamily* family : {&kMmaProducts, &kWgmmaProducts}) {
          if (family == &kWgmmaProducts && !device.hopper()) continue;
          const Floats y = product(ctx, *family, Tile::small, x.view(), w.packed());
          for (const Tile tile : {Tile::large, Tile::wide}) {
            CHECK(sameNumbers(product(ctx, *family, tile, x.view(), w.packed()), y));
          }
          const Floats few = fewRows(ctx, *family, x.view(), w.packed());
          CHECK(sameNumbers(few.data(), y.data(), static_cast<std::int64_t>(few.size())));
          results.push_back(y);
        }
        if (results.size() < 2) continue;
        if (device.name() == "emulated device") CHECK(sameNumbers(results[0], results[1]));  // there both add alike
        else recordAgreement(device, "K = " + std::to_string(k) + ", operands " + magnitudes.name, results[0], results[1]);
      }
    }
  };
  onCuda(law, 256);
}

}  // namespace agl::test
