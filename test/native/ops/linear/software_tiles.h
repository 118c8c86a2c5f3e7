// The products in bf16 on tiles, over software tiles, so that their blocks are tested on any machine; the same source
// compiled with AMX is the table of Isa::amx. Included by files compiled for an instruction set: no STL here.
#pragma once

#include "ops/linear/linear.h"

namespace agl::test {

const LinearKernels* scalarTileProducts();
const LinearKernels* avx2TileProducts();  // null off x86-64

}  // namespace agl::test
