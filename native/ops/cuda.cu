// The backend table of CUDA, and the shared object's entry.
#include "ops/cuda.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "core/cuda_device.h"
#include "ops/ops.h"

namespace agl {
namespace {

int devices(char* why, std::size_t bytes) {
  std::string reason;
  const int count = CudaDevice::count(reason);
  std::snprintf(why, bytes, "%s", reason.c_str());
  return count;
}

bool describe(int ordinal, CudaDescription* into) { return CudaDevice::describe(ordinal, *into); }

Device* open(int ordinal, char* why, std::size_t bytes) {
  std::string reason;
  std::unique_ptr<CudaDevice> device = CudaDevice::open(ordinal, reason);
  std::snprintf(why, bytes, "%s", reason.c_str());
  return device.release();
}

void close(Device* device) { delete device; }

std::size_t scratchBytes(const Workload& workload) {
  std::size_t most = std::max({attentionForwardScratchBytes(workload.attention),
                               attentionBackwardScratchBytes(workload.rows, workload.attention, workload.compute),
                               drawCudaScratchBytes(workload.draws.rows, workload.draws.vocabulary, workload.draws.topLogprobs),
                               adamwCudaScratchBytes(kSquaredNormPiece * kSquaredNormPieces)});
  for (const auto& [outputs, inputs, weights, rows] : workload.products) {
    most = std::max(most, linearCudaScratchBytes(weights, rows, outputs, inputs));
  }
  return most;
}

}  // namespace

const Ops* cudaOps() {
  static const Ops ops = {
      .linear = kCudaLinear,
      .lora = kCudaLora,
      .elementwise = kCudaElementwise,
      .rmsNorm = kCudaRmsNorm,
      .rope = kCudaRope,
      .swiglu = kCudaSwiglu,
      .attention = kCudaAttention,
      .logSoftmax = kCudaLogSoftmax,
      .embedding = kCudaEmbedding,
      .adamw = kCudaAdamw,
      .rows = kCudaRowMoves,
      .draw = kCudaDraw,
      .scratchBytes = scratchBytes,
  };
  return &ops;
}

extern "C" const CudaBackend* agl_cuda_backend() {
  static const CudaBackend backend = {CudaBackend::kRevision, sizeof(Ops), cudaOps(), devices, describe, open, close};
  return &backend;
}

}  // namespace agl
