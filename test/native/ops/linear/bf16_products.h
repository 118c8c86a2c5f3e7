// Products in bf16 by every kernel that this machine can run.
#pragma once

#include "ops/backends.h"
#include "software_tiles.h"

namespace agl::test {

// Every instruction set of this machine, then the products on software tiles.
inline void onEveryProduct(const std::function<void(Context&)>& law) {
  const std::size_t scratchBytes = linearScratchBytes(Dtype::bf16, 1);
  onEveryBackend(law, scratchBytes);
  for (const int threads : {1, 2}) {
    Pool pool(threads, scratchBytes);
    const auto onTiles = [&](Isa isa, const LinearKernels* products) {
      if (products == nullptr || !isaSupported(isa)) return;
      Kernels kernels = *kernelsOf(isa);
      kernels.linearBf16 = *products;
      Context ctx = cpuContext(pool, kernels);
      law(ctx);
    };
    onTiles(Isa::scalar, scalarTileProducts());
    onTiles(Isa::avx2, avx2TileProducts());
  }
}

}  // namespace agl::test
