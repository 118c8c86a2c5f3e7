// The CUDA table of linear.h: which product runs by which kernels.
#include "ops/linear.h"

#include "ops/cuda.h"
#include "ops/linear_cuda.h"

namespace agl {
namespace {

void pack(Context& ctx, Packed packed, View w) { packOnCuda(cudaDevice(ctx), packed, w); }

void unpack(Context& ctx, View w, Packed packed) { unpackOnCuda(cudaDevice(ctx), w, packed); }

void forward(Context& ctx, View y, View x, Packed w) {
  CudaDevice& device = cudaDevice(ctx);
  if (w.dtype != Dtype::f32) return forwardBf16(device, productsOf(device), y, x, w);
  forwardF32(device, y, x, w);
}

void forwardEach(Context& ctx, View x, std::span<const LinearOutput> outputs) {
  for (const auto& [y, w] : outputs) forward(ctx, y, x, w);
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
