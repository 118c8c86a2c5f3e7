// The CPU's backend table, and the kernels its operations call.
#include <algorithm>

#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl {

#if defined(__x86_64__)
static const Kernels* amxKernels() {
  static const Kernels kernels = [] {
    Kernels all = *avx512Kernels();
    all.isa = Isa::amx;
    all.linearBf16 = *amxProducts();
    return all;
  }();
  return &kernels;
}
#endif

static std::size_t scratchBytes(const Workload& workload) {
  std::int64_t widest = LogSoftmax::kBlock;
  for (const Workload::Product& product : workload.products) widest = std::max({widest, product.outputs, product.inputs});
  return std::max(attentionScratchBytes(workload.attention), loraScratchBytes(workload.compute, widest));
}

const Ops& cpuOps() {
  static const Ops ops = {kCpuLinear,    kCpuLora,       kCpuElementwise, kCpuRmsNorm, kCpuRope,     kCpuSwiglu,
                          kCpuAttention, kCpuLogSoftmax, kCpuEmbedding,   kCpuAdamw,   kCpuRowMoves, kCpuDraw,
                          scratchBytes};
  return ops;
}

const Kernels* kernelsOf(Isa isa) {
  if (!isaSupported(isa)) return nullptr;
#if defined(__x86_64__)
  if (isa == Isa::avx2) return avx2Kernels();
  if (isa == Isa::avx512) return avx512Kernels();
  if (isa == Isa::amx) return amxKernels();
#endif
  return isa == Isa::scalar ? scalarKernels() : nullptr;
}

Isa bestIsa() {
  Isa best = Isa::scalar;
  for (const Isa isa : kIsas) {
    if (kernelsOf(isa) != nullptr) best = isa;
  }
  return best;
}

}  // namespace agl
