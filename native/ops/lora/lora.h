// LoRA beside products: a group of tasks at once, all whose inputs are known at the same time.   Hu et al. 2021, arXiv:2106.09685
//   forward   down[r,:] = A x[r,:]          y[r,:] = y[r,:] + s (B down[r,:])
// x (R,K); down (R,rank), overwritten, what the gradients of A and B read; y (R,N). All f32. a packed (rank,K), b packed
// (N,rank), of one dtype in a group. Both products have the bits of linear.h's forward; s times a sum is rounded, then added
// (addScaled of elementwise.h). A row's bits do not know its group. No task writes what another reads or writes.
#pragma once

#include <cstddef>
#include <span>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct LoraTask {
  View y;
  View down;
  View x;
  Packed a;
  Packed b;
  float scale;
};

struct Lora {
  void (*forward)(Context&, std::span<const LoraTask> tasks);
};

// Pool scratch of each worker that tasks of this dtype take, for at most n outputs. A CUDA device's workspace is not needed.
std::size_t loraScratchBytes(Dtype dtype, std::int64_t n);

// --- internal ---

extern const Lora kCpuLora;
extern const Lora kCudaLora;

}  // namespace agl
