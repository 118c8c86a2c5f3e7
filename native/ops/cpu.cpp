// The CPU's backend table, and the kernels its operations call.
#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl {

const Ops& cpuOps() {
  static const Ops ops = {kCpuLinear,    kCpuElementwise, kCpuRmsNorm,   kCpuRope, kCpuSwiglu,
                          kCpuAttention, kCpuLogSoftmax,  kCpuEmbedding, kCpuAdamw};
  return ops;
}

const Kernels* kernelsOf(Isa isa) {
  if (!isaSupported(isa)) return nullptr;
#if defined(__x86_64__)
  if (isa == Isa::avx2) return avx2Kernels();
  if (isa == Isa::avx512) return avx512Kernels();
#endif
  return isa == Isa::scalar ? scalarKernels() : nullptr;
}

Isa bestIsa() {
  for (const Isa isa : {Isa::avx512, Isa::avx2}) {
    if (kernelsOf(isa) != nullptr) return isa;
  }
  return Isa::scalar;
}

}  // namespace agl
