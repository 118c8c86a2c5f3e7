// What a .cu file includes for CUDA, and all it does: the language by nvcc, or with AGL_CUDA_EMULATED its emulation for
// tests (test/native/cuda). The wrappers are single instructions of the PTX ISA, in namespace agl::cuda.
//   No __shared__ variables, no <<<>>>, no libm: sharedMemory(), launch(), and arithmetic whose rounding is written out.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

template <class... P>
struct ArgumentsOf {
  static_assert((std::is_trivially_copyable_v<P> && ...));
  // Of each argument, and of the end.
  static constexpr auto kOffsets = [] {
    constexpr std::size_t sizes[] = {sizeof(P)..., 0}, alignments[] = {alignof(P)..., kArgumentAlignment};
    std::array<std::uint32_t, sizeof...(P) + 1> offsets{};
    std::size_t end = 0;
    for (std::size_t i = 0; i <= sizeof...(P); i++) {
      const std::size_t alignment = std::min(alignments[i], kArgumentAlignment);
      offsets[i] = static_cast<std::uint32_t>((end + alignment - 1) / alignment * alignment);
      end = offsets[i] + sizes[i];
    }
    return offsets;
  }();
  static constexpr ArgumentLayout kLayout = {kOffsets.data(), sizeof...(P), kOffsets.back()};
  // Padding is zero, so that equal arguments are equal bytes.
  static void write(unsigned char* to, P... arguments) {
    [[maybe_unused]] auto put = [to, at = kOffsets.data()](auto& argument) mutable {
      __builtin_clear_padding(&argument);
      std::memcpy(to + *at++, &argument, sizeof argument);
    };
    (put(arguments), ...);
  }
};

// Starts kernel(arguments...) on the device's stream, in a pass together with the others; no blocks, no work. What goes
// wrong is kept by the device under `op`, a string that lives on.
template <class... P, class... A>
void launch(CudaDevice& device, const char* op, dim3 grid, dim3 block, std::size_t sharedBytes, void (*kernel)(P...),
            A... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  unsigned char* const to = device.append({op, functionOf(kernel), &ArgumentsOf<P...>::kLayout, {grid.x, grid.y, grid.z},
                                           {block.x, block.y, block.z}, sharedBytes});
  ArgumentsOf<P...>::write(to, static_cast<P>(arguments)...);
  device.submit();
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
