#include "ops/cuda_library.h"

#include "core/error.h"
#include "core/os.h"
#include "ops/ops.h"

namespace agl {

static CudaLibrary openLibrary() {
  CudaLibrary library;
  void* entry = findInLibrary("libagentlightning_cuda.so", "agl_cuda_backend", library.why);
  if (entry == nullptr) {
    library.why = "built without CUDA: " + library.why;
    return library;
  }
  const CudaBackend* backend = reinterpret_cast<decltype(&agl_cuda_backend)>(entry)();
  if (backend->revision != CudaBackend::kRevision || backend->opsBytes != sizeof(Ops)) {
    library.why = "libagentlightning_cuda.so is of another build; build again";
    return library;
  }
  library.backend = backend;
  return library;
}

const CudaLibrary& cudaLibrary() {
  static const CudaLibrary library = openLibrary();
  return library;
}

std::pair<std::shared_ptr<Device>, const Ops*> openCuda(int ordinal) {
  const CudaBackend* backend = cudaLibrary().backend;
  char why[512] = "";
  Device* device = backend == nullptr ? nullptr : backend->open(ordinal, why, sizeof why);
  if (device == nullptr) {
    throw Error("E_DEVICE", "loadPolicy: expected device \"cuda:" + std::to_string(ordinal) + "\" to be usable, got: " +
                                (backend == nullptr ? cudaLibrary().why : why) + "; load with device: \"cpu\"");
  }
  return {std::shared_ptr<Device>(device, backend->close), backend->ops};
}

std::vector<CudaDescription> cudaDevices(std::string& why) {
  const CudaLibrary& library = cudaLibrary();
  if (library.backend == nullptr) {
    why = library.why;
    return {};
  }
  char reason[256] = "";
  const int count = library.backend->devices(reason, sizeof reason);
  why = count > 0 ? "" : reason[0] != 0 ? reason : "no CUDA device";
  std::vector<CudaDescription> all;
  for (int ordinal = 0; ordinal < count; ordinal++) {
    CudaDescription each{};
    if (library.backend->describe(ordinal, &each)) all.push_back(each);
  }
  return all;
}

}  // namespace agl
