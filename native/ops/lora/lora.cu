// The CUDA table of lora.h: one launch for all products with A, one for all with B and their addition, however many tasks.
#include "ops/lora/lora.h"

#include "ops/cuda.h"
#include "ops/lora/lora_cuda.cuh"

namespace agl {
namespace {

void forward(Context& ctx, std::span<const LoraTask> tasks) {
  if (tasks.empty()) return;
  if (tasks[0].a.dtype == Dtype::bf16) return lora::forwardBf16(cudaDevice(ctx), tasks);
  lora::forwardF32(cudaDevice(ctx), tasks);
}

}  // namespace

const Lora kCudaLora = {forward};

}  // namespace agl
