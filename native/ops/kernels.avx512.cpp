#define AGL_ISA avx512
#include "ops/kernels.inc"

namespace agl {
const Kernels* avx512Kernels() { return &avx512::kKernels; }
}  // namespace agl
