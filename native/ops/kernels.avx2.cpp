#define AGL_ISA avx2
#include "ops/kernels.inc"

namespace agl {
const Kernels* avx2Kernels() { return &avx2::kKernels; }
}  // namespace agl
