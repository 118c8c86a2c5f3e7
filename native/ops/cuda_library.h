// The CUDA backend as the addon finds it: libagentlightning_cuda.so beside it, opened when first asked for.
#pragma once

#include <string>
#include <vector>

#include "ops/cuda.h"

namespace agl {

struct CudaLibrary {
  const CudaBackend* backend = nullptr;  // null where the library is missing, of another build or does not load
  std::string why;
};

const CudaLibrary& cudaLibrary();

// The devices of this machine; where there are none, `why` is one clear line.
std::vector<CudaDescription> cudaDevices(std::string& why);

}  // namespace agl
