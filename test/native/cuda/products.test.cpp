// Products in bf16 on machines that only emulation offers: devices of either kind, and warps in any order.
#define AGL_CUDA_EMULATED
#include <algorithm>

#include "core/cuda.h"
#include "cuda/on_device.h"
#include "ops/linear/linear_cuda.h"
#include "ops/linear/packed_weights.h"

namespace agl::test {
namespace {

// Forward of few and of many rows, and the gradient of the input, one after another.
Floats productsOfAll(Context& ctx, const ProductFamily& family) {
  constexpr std::int64_t n = 300, k = 1100;
  PackedWeights w(ctx, Dtype::bf16, randomNumbers(n * k, 2), n, k);
  Floats out;
  for (const std::int64_t rows : {3, 16, 140}) {
    Apart x(rows, k, randomNumbers(rows * k, 1), ctx.device), dy(rows, n, randomNumbers(rows * n, 3), ctx.device);
    Apart y(rows, n, kNan, ctx.device), dx(rows, k, 0.5F, ctx.device);
    const LinearOutput output{y.view(), w.packed()};
    forwardBf16(cudaDevice(ctx), family, x.view(), {&output, 1});
    backwardInputBf16(cudaDevice(ctx), family, dx.view(), dy.view(), w.packed());
    for (std::int64_t r = 0; r < rows; r++) {
      out.insert(out.end(), y.row(r), y.row(r) + n);
      out.insert(out.end(), dx.row(r), dx.row(r) + k);
    }
  }
  return out;
}

}  // namespace

TEST("linear on CUDA: a Hopper's products are those of wgmma, any other device's those of mma.sync") {
  for (const auto& [major, minor] : {std::pair{8, 0}, {8, 9}, {9, 0}, {10, 0}, {12, 0}}) {
    emulation::setMachine({.major = major, .minor = minor});
    CHECK(&productsOf(*openDevice()) == (major == 9 ? &kWgmmaProducts : &kMmaProducts));
  }
  emulation::setMachine({});
}

TEST("linear on CUDA: the products have the same bits in any order of the warps, by either family, as emulation adds alike") {
  const auto law = [](Context& ctx) {
    const Floats expected = productsOfAll(ctx, kMmaProducts);
    CHECK(std::none_of(expected.begin(), expected.end(), [](float value) { return std::isnan(value); }));
    for (const ProductFamily* family : {&kMmaProducts, &kWgmmaProducts}) {
      for (const std::uint64_t seed : {0, 1, 2, 3}) {
        emulation::setOrderSeed(seed);
        CHECK(sameNumbers(productsOfAll(ctx, *family), expected));
      }
    }
    emulation::setOrderSeed(0);
  };
  onCuda(law, 4 << 20);
}

}  // namespace agl::test
