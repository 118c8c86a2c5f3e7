// The CPU's backend table, and the kernels its operations call.
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

const Ops& cpuOps() {
  static const Ops ops = {kCpuLinear,    kCpuElementwise, kCpuRmsNorm,   kCpuRope, kCpuSwiglu,
                          kCpuAttention, kCpuLogSoftmax,  kCpuEmbedding, kCpuAdamw,
                          kCpuRowMoves,  kCpuDraw};
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
