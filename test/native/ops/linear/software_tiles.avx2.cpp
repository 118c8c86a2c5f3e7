#include "software_tiles.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define AGL_ISA avx2_tiles
#include "ops/linear/linear_bf16_amx.lanes.h"

namespace agl::test {
const LinearKernels* avx2TileProducts() { return &avx2_tiles::kLinearTiles; }
}  // namespace agl::test
#else
namespace agl::test {
const LinearKernels* avx2TileProducts() { return nullptr; }
}  // namespace agl::test
#endif
