// A matrix in tiles of one row by 1,024 columns, one block of threads each. A thread has four columns, a block's width
// apart: loads of a warp are of 128 bytes, four are on their way at once, and rows may begin anywhere.
#pragma once

#include <cstdint>

#include "core/cuda.h"
#include "core/host_device.h"

namespace agl::cuda {

constexpr int kTileThreads = 256;
constexpr int kTileColumns = 1024;

AGL_HOST_DEVICE inline std::int64_t partsOf(std::int64_t count, std::int64_t part) { return (count + part - 1) / part; }
// Blocks of which each has `part` of `count`.
inline dim3 blocksOf(std::int64_t count, std::int64_t part) { return dim3(static_cast<unsigned>(partsOf(count, part))); }
inline dim3 tilesOf(std::int64_t rows, std::int64_t cols) {
  return dim3(static_cast<unsigned>(rows * partsOf(cols, kTileColumns)));
}

__device__ inline std::int64_t rowOfTile(std::int64_t cols) { return blockIdx.x / partsOf(cols, kTileColumns); }

// store(c, load(c)) for the thread's columns c of this block's tile, all loads before the first store.
template <class Load, class Store>
__device__ inline void eachColumn(std::int64_t cols, Load load, Store store) {
  constexpr int own = kTileColumns / kTileThreads;
  const std::int64_t first = blockIdx.x % partsOf(cols, kTileColumns) * kTileColumns + threadIdx.x;
  decltype(load(first)) values[own];
  for (int i = 0; i < own; i++) {
    const std::int64_t c = first + i * kTileThreads;
    if (c < cols) values[i] = load(c);
  }
  for (int i = 0; i < own; i++) {
    const std::int64_t c = first + i * kTileThreads;
    if (c < cols) store(c, values[i]);
  }
}

}  // namespace agl::cuda
