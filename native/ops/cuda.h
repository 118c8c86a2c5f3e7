// What the shared object of the CUDA backend offers: one C function, which the loader finds by name.
#pragma once

#include <cstddef>

#include "core/cuda_device.h"
#include "ops/context.h"

namespace agl {

struct Ops;

// Of a context whose operations are CUDA's.
inline CudaDevice& cudaDevice(Context& ctx) { return static_cast<CudaDevice&>(ctx.device); }

struct CudaBackend {
  // Of this table and of Ops: a library of another build is refused.
  static constexpr int kRevision = 3;
  int revision;
  std::size_t opsBytes;
  const Ops* ops;
  // How many devices there are; where none, why, in `bytes` bytes at `why`.
  int (*devices)(char* why, std::size_t bytes);
  // False where there is no device `ordinal`.
  bool (*describe)(int ordinal, CudaDescription* into);
  // Null, and why, where device `ordinal` cannot be used. What is opened is closed here, too.
  Device* (*open)(int ordinal, char* why, std::size_t bytes);
  void (*close)(Device* device);
};

// The operations of CUDA.
const Ops* cudaOps();

extern "C" __attribute__((visibility("default"))) const CudaBackend* agl_cuda_backend();

}  // namespace agl
