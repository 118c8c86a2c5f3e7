// A ring of slots in shared memory (Hopper): one thread fills them by TMA, warps read them by wgmma. A slot is full when its
// bytes have come, and empty when every reading warp has arrived. Each side walks with its own copy.
//   filling   wait(ring.empty(), ring.parity ^ 1); expectBytes(ring.full(), ...); loads to ring.data(); ring.next()
//   reading   wait(ring.full(), ring.parity); ...; one lane of each warp: arrive(ring.empty()); ring.next()
#pragma once

#include "core/cuda.h"

namespace agl::cuda::hopper {

template <int kSlots, int kSlotBytes>
struct Ring {
  static_assert(kSlotBytes % 1024 == 0);
  static constexpr std::size_t kBytes = std::size_t{kSlots} * kSlotBytes, kBarrierBytes = 2 * kSlots * sizeof(Barrier);
  unsigned char* slots;
  Barrier* barriers;  // full, then empty
  int slot = 0;
  unsigned parity = 0;

  __device__ __forceinline__ Ring(unsigned char* shared, void* sharedBarriers)
      : slots(shared), barriers(static_cast<Barrier*>(sharedBarriers)) {}
  // One thread, before fenceBarriers().
  __device__ __forceinline__ void initialize(unsigned readingWarps) const {
    for (int s = 0; s < kSlots; s++) {
      initBarrier(barriers + s, 1);
      initBarrier(barriers + kSlots + s, readingWarps);
    }
  }
  __device__ __forceinline__ unsigned char* data() const { return slots + slot * kSlotBytes; }
  __device__ __forceinline__ Barrier* full() const { return barriers + slot; }
  __device__ __forceinline__ Barrier* empty() const { return barriers + kSlots + slot; }
  __device__ __forceinline__ void next() {
    slot = slot + 1 == kSlots ? 0 : slot + 1;
    if (slot == 0) parity ^= 1U;
  }
};

}  // namespace agl::cuda::hopper
