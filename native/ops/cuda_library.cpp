#include "ops/cuda_library.h"

#include <mutex>

#include "core/error.h"
#include "core/os.h"
#include "ops/ops.h"
#include "ops/self_check.h"

namespace agl {

// Threads of several environments load the addon: the last word before the first question counts.
struct Offer {
  std::mutex mutex;
  std::string path;
};

static Offer& offer() {
  static Offer one;
  return one;
}

void offerCudaLibrary(const std::string& path) {
  const std::lock_guard lock(offer().mutex);
  offer().path = path;
}

static std::string libraryPath() {
  if (const std::string own = besideThisCode("libagentlightning_cuda.so"); !own.empty()) return own;
  const std::lock_guard lock(offer().mutex);
  return offer().path;
}

static CudaLibrary openLibrary() {
  CudaLibrary library;
  const std::string path = libraryPath();
  if (path.empty()) {
    library.why = "no CUDA library: npm install @agentlightning/cuda-linux-x64, or npx agl build where nvcc is";
    return library;
  }
  void* entry = findInLibrary(path, "agl_cuda_backend", library.why);
  if (entry == nullptr) return library;
  const CudaBackend* backend = reinterpret_cast<decltype(&agl_cuda_backend)>(entry)();
  if (backend->revision != CudaBackend::kRevision || backend->opsBytes != sizeof(Ops)) {
    library.why = path + " is of another build; run npx agl build, or install the version of agentlightning";
    return library;
  }
  library.backend = backend;
  return library;
}

const CudaLibrary& cudaLibrary() {
  static const CudaLibrary library = openLibrary();
  return library;
}

static void refuse(int ordinal, const std::string& why) {
  throw Error("E_DEVICE", "loadPolicy: expected device \"cuda:" + std::to_string(ordinal) + "\" to be usable, got: " + why +
                              "; load with device: \"cpu\"");
}

std::pair<std::shared_ptr<Device>, const Ops*> openCuda(int ordinal) {
  const CudaBackend* backend = cudaLibrary().backend;
  if (backend == nullptr) refuse(ordinal, cudaLibrary().why);
  char why[512] = "";
  const std::shared_ptr<Device> device(backend->open(ordinal, why, sizeof why), backend->close);
  if (device == nullptr) refuse(ordinal, why);
  if (const std::string wrong = selfCheck(*device, *backend->ops); !wrong.empty()) refuse(ordinal, wrong);
  return {device, backend->ops};
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
  // Which CUDA takes for a driver that is too old.
  if (count == 0 && !hasLibrary("libcuda.so.1")) why = "no NVIDIA driver: the system has no libcuda.so.1";
  std::vector<CudaDescription> all;
  for (int ordinal = 0; ordinal < count; ordinal++) {
    CudaDescription each{};
    if (library.backend->describe(ordinal, &each)) all.push_back(each);
  }
  return all;
}

}  // namespace agl
