#define AGL_ISA amx
#include "ops/kernels.h"
#include "ops/linear/linear_bf16_amx.lanes.h"

namespace agl {
const LinearKernels* amxProducts() { return &amx::kLinearTiles; }
}  // namespace agl
