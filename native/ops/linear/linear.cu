// The CUDA table of linear.h: which product runs by which kernels.
#include "ops/linear/linear.h"

#include "ops/cuda.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

void pack(Context& ctx, Packed packed, View w) { packOnCuda(cudaDevice(ctx), packed, w); }

void unpack(Context& ctx, View w, Packed packed) { unpackOnCuda(cudaDevice(ctx), w, packed); }

void forwardEach(Context& ctx, View x, std::span<const LinearOutput> outputs) {
  CudaDevice& device = cudaDevice(ctx);
  if (outputs[0].w.dtype != Dtype::f32) return forwardBf16(device, productsOf(device), x, outputs);
  for (const auto& [y, w] : outputs) forwardF32(device, y, x, w);
}

void forward(Context& ctx, View y, View x, Packed w) {
  const LinearOutput output{y, w};
  forwardEach(ctx, x, {&output, 1});
}

void backwardInput(Context& ctx, View dx, View dy, Packed w) {
  CudaDevice& device = cudaDevice(ctx);
  if (w.dtype != Dtype::f32) return backwardInputBf16(device, productsOf(device), dx, dy, w);
  backwardInputF32(device, dx, dy, w);
}

void backwardWeight(Context& ctx, View dw, View dy, View x) { backwardWeightF32(cudaDevice(ctx), dw, dy, x); }

}  // namespace

const Linear kCudaLinear = {pack, unpack, forward, forwardEach, backwardInput, backwardWeight};

}  // namespace agl
