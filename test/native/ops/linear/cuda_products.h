// Products on the CUDA device by each family of instructions that it has.
#pragma once

#include "ops/backends.h"
#include "ops/linear/linear_cuda.h"

namespace agl::test {

// A CUDA device, and the products that it may use in bf16.
struct Cuda {
  Context& ctx;
  const ProductFamily& products;
};

// Calls law for every family whose instructions the device has: Hopper has both.
inline void onEveryFamily(const std::function<void(const Cuda&)>& law, std::size_t scratchBytes = 4 << 20) {
  onCuda(
      [&](Context& ctx) {
        law({ctx, kMmaProducts});
        if (cudaDevice(ctx).hopper()) law({ctx, kWgmmaProducts});
      },
      scratchBytes);
}

inline Floats forwardOf(const Cuda& cuda, const Packed& w, const Floats& x, std::int64_t rows) {
  Context& ctx = cuda.ctx;
  Apart y(rows, w.n, kNan, ctx.device), from(rows, w.k, x, ctx.device);
  const LinearOutput output{y.view(), w};
  if (w.dtype != Dtype::f32) forwardBf16(cudaDevice(ctx), cuda.products, from.view(), {&output, 1});
  else ctx.ops.linear.forward(ctx, y.view(), from.view(), w);
  CHECK(y.marksHold());
  Floats out;
  for (std::int64_t r = 0; r < rows; r++) out.insert(out.end(), y.row(r), y.row(r) + w.n);
  return out;
}

inline Floats backwardInputOf(const Cuda& cuda, const Packed& w, const Floats& before, const Floats& dy, std::int64_t rows) {
  Context& ctx = cuda.ctx;
  Apart dx(rows, w.k, before, ctx.device), from(rows, w.n, dy, ctx.device);
  if (w.dtype != Dtype::f32) backwardInputBf16(cudaDevice(ctx), cuda.products, dx.view(), from.view(), w);
  else ctx.ops.linear.backwardInput(ctx, dx.view(), from.view(), w);
  CHECK(dx.marksHold());
  Floats out;
  for (std::int64_t r = 0; r < rows; r++) out.insert(out.end(), dx.row(r), dx.row(r) + w.k);
  return out;
}

inline Floats rowsOf(const Floats& numbers, std::int64_t first, std::int64_t rows, std::int64_t columns) {
  return Floats(numbers.begin() + first * columns, numbers.begin() + (first + rows) * columns);
}

}  // namespace agl::test
