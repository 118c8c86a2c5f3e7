// The CUDA backend as the addon finds it: libagentlightning_cuda.so beside it, or else where it was told to look, opened when first asked for.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/cuda.h"

namespace agl {

struct CudaLibrary {
  const CudaBackend* backend = nullptr;  // null where the library is missing, of another build or does not load
  std::string why;
};

const CudaLibrary& cudaLibrary();

// Where the library lies when none lies beside this code. Says nothing to a process that has looked for it already.
void offerCudaLibrary(const std::string& path);

// Device `ordinal`, which has passed selfCheck, and its operations. Throws E_DEVICE, and says why, where it cannot be used.
std::pair<std::shared_ptr<Device>, const Ops*> openCuda(int ordinal);

// The devices of this machine; where there are none, `why` is one clear line.
std::vector<CudaDescription> cudaDevices(std::string& why);

}  // namespace agl
