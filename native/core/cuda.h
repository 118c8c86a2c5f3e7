// What a .cu file includes for CUDA, and all it does: the language by nvcc, or with AGL_CUDA_EMULATED its emulation for
// tests (test/native/cuda). The wrappers are single instructions of the PTX ISA, in namespace agl::cuda.
//   No __shared__ variables, no <<<>>>, no libm: sharedMemory(), launch(), and arithmetic whose rounding is written out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/cuda_device.h"

#if defined(AGL_CUDA_EMULATED)
#include <cuda/emulation.h>
#else
#include <cuda_runtime.h>
#include "core/cuda_hopper.cuh"
#include "core/cuda_ptx.cuh"
#endif

namespace agl {

namespace cuda {

// Starts kernel(arguments...) on the device's stream; no blocks, no work. What goes wrong is kept by the device under `op`.
template <class... P, class... A>
void launch(CudaDevice& device, const char* op, dim3 grid, dim3 block, std::size_t sharedBytes, void (*kernel)(P...),
            A... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  device.use();
  device.note(op, start<P...>(device.stream(), grid, block, sharedBytes, kernel, static_cast<P>(arguments)...));
}

namespace hopper {

constexpr int kBoxColumns = 64;  // 128 bytes, what the swizzle spans

// For tmaLoad2d: a bf16 matrix (rows, columns), 16-byte aligned as its rows are, in boxes of boxRows <= 256 rows and 64
// columns. False, and a failure of the device, where the driver refuses. A kernel takes it as
// `const __grid_constant__ TensorMap`.
bool mapMatrix(CudaDevice& device, TensorMap& map, const void* data, std::int64_t rows, std::int64_t columns,
               std::int64_t stride, int boxRows);

}  // namespace hopper
}  // namespace cuda
}  // namespace agl
