#include "software_tiles.h"

#define AGL_ISA scalar_tiles
#include "ops/linear/linear_bf16_amx.lanes.h"

namespace agl::test {
const LinearKernels* scalarTileProducts() { return &scalar_tiles::kLinearTiles; }
}  // namespace agl::test
