#define AGL_ISA scalar
#include "ops/kernels.inc"

namespace agl {
const Kernels* scalarKernels() { return &scalar::kKernels; }
}  // namespace agl
