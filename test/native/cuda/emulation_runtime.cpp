#include "cuda/emulation_runtime.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "cuda/emulation_stream.h"

namespace agl::emulation {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kAlignment = 256;  // of cudaMalloc

// Lies at the end of its pages, between two that are never readable.
struct Allocation {
  unsigned char* pages;
  std::size_t pageBytes;
  unsigned char* data;
  std::size_t bytes;
};

struct State {
  std::mutex mutex;
  Machine machine;
  std::vector<Allocation> allocations;
  std::map<const unsigned char*, std::size_t> pageLocked;
  std::map<const void*, Kernel> kernels;
  std::size_t used = 0;
  bool readable = false;
  std::uint64_t accesses = 0;  // since there was no allocation
  bool lost = false;
  cudaError_t lastError = cudaSuccess;
  char message[1024] = "";
};
// One machine for a process, as CUDA has it.
State& state() {
  static State all;
  return all;
}

// Of the allocation that holds all of these bytes.
const Allocation* find(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(data);
  for (const Allocation& one : state().allocations) {
    if (at >= one.data && at + bytes <= one.data + one.bytes) return &one;
  }
  return nullptr;
}

void protect(const Allocation& one, bool readable) {
  mprotect(one.pages, one.pageBytes, readable ? PROT_READ | PROT_WRITE : PROT_NONE);
}

// Around an access of the device. To change pages costs more than most launches: after the first accesses only some leave
// the memory unreadable for the host.
void setReadable(bool readable) {
  State& all = state();
  if (!readable && all.accesses++ >= 32 && all.accesses % 1024 != 0) return;
  if (readable == all.readable) return;
  all.readable = readable;
  for (const Allocation& one : all.allocations) protect(one, readable);
}

void poison([[maybe_unused]] const Allocation& one, [[maybe_unused]] bool poisoned) {
#if defined(__SANITIZE_ADDRESS__)
  if (!poisoned) {
    __asan_unpoison_memory_region(one.pages, one.pageBytes);
    return;
  }
  const auto before = static_cast<std::size_t>(one.data - one.pages);
  __asan_poison_memory_region(one.pages, before);
  __asan_poison_memory_region(one.data + one.bytes, one.pageBytes - before - one.bytes);
#endif
}

bool isPageLocked(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(data);
  const auto after = state().pageLocked.upper_bound(at);
  if (after == state().pageLocked.begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  return at + bytes <= begin + size;
}

// Whether a pointer among the arguments is neither null nor the device's; then the message says which.
bool pointsElsewhere(const Kernel& kernel, const unsigned char* arguments) {
  std::size_t pointers = 0;
  for (std::size_t i = 0; i < kernel.count; arguments += kernel.sizes[i++]) {
    if (!kernel.arePointers[i]) continue;
    pointers++;
    const void* pointer = nullptr;
    std::memcpy(&pointer, arguments, sizeof pointer);
    if (pointer == nullptr || find(pointer, 1) != nullptr) continue;
    std::snprintf(state().message, sizeof state().message, "expected device memory in pointer %zu of the launch, got %p",
                  pointers, pointer);
    return true;
  }
  return false;
}

cudaError_t check(const Call& call, const Kernel& kernel) {
  const std::size_t threads = std::size_t{call.block.x} * call.block.y * call.block.z;
  const std::size_t blocks = std::size_t{call.grid.x} * call.grid.y * call.grid.z;
  if (blocks == 0 || call.grid.y > 65535 || call.grid.z > 65535 || threads == 0 || threads > kMaxThreads || call.block.z > 64) {
    return cudaErrorInvalidConfiguration;
  }
  return call.sharedBytes > kernel.sharedBytes ? cudaErrorInvalidValue : cudaSuccess;
}

}  // namespace

void setMachine(const Machine& machine) { state().machine = machine; }
const Machine& machine() { return state().machine; }
void loseDevice(bool lost) { state().lost = lost; }
bool isLost() { return state().lost; }

void learn(const void* function, const Kernel& kernel) {
  const std::lock_guard lock(state().mutex);
  state().kernels.try_emplace(function, kernel);
}

cudaError_t prepareCall(Call& into, const void* function, dim3 grid, dim3 size, void** arguments, std::size_t sharedBytes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto kernel = all.kernels.find(function);
  if (kernel == all.kernels.end()) return cudaErrorInvalidDeviceFunction;
  into = {function, {grid.x, grid.y, grid.z}, {size.x, size.y, size.z}, sharedBytes, {}};
  for (std::size_t i = 0; i < kernel->second.count; i++) {
    const auto* from = static_cast<const unsigned char*>(arguments[i]);
    if (from == nullptr) return cudaErrorInvalidValue;
    into.arguments.insert(into.arguments.end(), from, from + kernel->second.sizes[i]);
  }
  return check(into, kernel->second);
}

cudaError_t runCall(const Call& call) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.message[0] = 0;
  const Kernel& kernel = all.kernels.at(call.function);
  if (pointsElsewhere(kernel, call.arguments.data())) return failed(cudaErrorIllegalAddress);
  setReadable(true);
  const Launch launch{call.grid, call.block, call.sharedBytes, nullptr, nullptr};
  const char* mistake = kernel.run(call.function, call.arguments.data(), launch);
  setReadable(false);
  if (mistake == nullptr) return cudaSuccess;
  std::snprintf(all.message, sizeof all.message, "%s", mistake);
  return failed(cudaErrorLaunchFailure);
}

cudaError_t failed(cudaError_t error) {
  if (error != cudaSuccess) state().lastError = error;
  return error;
}

}  // namespace agl::emulation

using namespace agl::emulation;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = state().machine.devices;
  return *count > 0 ? cudaSuccess : failed(cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= state().machine.devices) return failed(cudaErrorInvalidDevice);
  return state().lost ? failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated device");
  properties->totalGlobalMem = state().machine.bytes;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const Machine& machine = state().machine;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = machine.multiprocessors; break;
    case cudaDevAttrComputeCapabilityMajor: *value = machine.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = machine.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(kMaxSharedBytes); break;
  }
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  const State& all = state();
  *total = all.machine.bytes;
  *available = all.machine.bytes - std::min(all.used, all.machine.bytes);
  return all.lost ? failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return waitForAll(); }

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  *data = nullptr;
  if (all.lost) return failed(cudaErrorLaunchFailure);
  if (bytes > all.machine.bytes - std::min(all.used, all.machine.bytes)) return failed(cudaErrorMemoryAllocation);
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  Allocation one{};
  one.pageBytes = (rounded + kPage - 1) / kPage * kPage;
  void* range = mmap(nullptr, one.pageBytes + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return failed(cudaErrorMemoryAllocation);
  one.pages = static_cast<unsigned char*>(range) + kPage;
  one.data = one.pages + one.pageBytes - rounded;
  one.bytes = bytes;
  if (all.allocations.empty()) all.accesses = 0;
  protect(one, true);
  std::memset(one.data, 0xff, bytes);  // what a program must not rely on
  if (!all.readable) protect(one, false);
  poison(one, true);
  all.allocations.push_back(one);
  all.used += bytes;
  *data = one.data;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  waitForAll();
  State& all = state();
  const std::lock_guard lock(all.mutex);
  if (data == nullptr) return cudaSuccess;
  const auto at = std::find_if(all.allocations.begin(), all.allocations.end(),
                               [&](const Allocation& one) { return one.data == data; });
  if (at == all.allocations.end()) return failed(cudaErrorInvalidValue);
  poison(*at, false);
  munmap(at->pages - kPage, at->pageBytes + 2 * kPage);
  all.used -= at->bytes;
  all.allocations.erase(at);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  *data = std::malloc(bytes);
  if (*data == nullptr) return failed(cudaErrorMemoryAllocation);
  const std::lock_guard lock(state().mutex);
  state().pageLocked[static_cast<unsigned char*>(*data)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  waitForAll();
  const std::lock_guard lock(state().mutex);
  state().pageLocked.erase(static_cast<unsigned char*>(data));
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  State& all = state();
  std::vector<unsigned char> pageable;  // is read before the call returns
  {
    const std::lock_guard lock(all.mutex);
    if (all.lost) return failed(cudaErrorLaunchFailure);
    const bool toHolds = kind == cudaMemcpyDeviceToHost || find(to, bytes) != nullptr;
    const bool fromHolds = kind == cudaMemcpyHostToDevice || find(from, bytes) != nullptr;
    if (!toHolds || !fromHolds) return failed(cudaErrorInvalidValue);
    const auto* host = static_cast<const unsigned char*>(from);
    if (kind == cudaMemcpyHostToDevice && !isPageLocked(from, bytes)) pageable.assign(host, host + bytes);
  }
  return submit([=, &all, pageable = std::move(pageable)] {
    const std::lock_guard lock(all.mutex);
    setReadable(true);
    std::memcpy(to, pageable.empty() ? from : pageable.data(), bytes);
    setReadable(false);
    return cudaSuccess;
  });
}

cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t) {
  State& all = state();
  {
    const std::lock_guard lock(all.mutex);
    if (all.lost) return failed(cudaErrorLaunchFailure);
    if (find(to, bytes) == nullptr) return failed(cudaErrorInvalidValue);
  }
  return submit([=, &all] {
    const std::lock_guard lock(all.mutex);
    setReadable(true);
    std::memset(to, byte, bytes);
    setReadable(false);
    return cudaSuccess;
  });
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute, int value) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto kernel = all.kernels.find(function);
  if (kernel == all.kernels.end()) return failed(cudaErrorInvalidDeviceFunction);
  if (value < 0 || static_cast<std::size_t>(value) > kMaxSharedBytes) return failed(cudaErrorInvalidValue);
  kernel->second.sharedBytes = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t sharedBytes,
                             cudaStream_t) {
  if (state().lost) return failed(cudaErrorLaunchFailure);
  Call call;
  if (const cudaError_t error = prepareCall(call, function, grid, block, arguments, sharedBytes); error != cudaSuccess) {
    return failed(error);
  }
  return submit([call = std::move(call)] { return runCall(call); });
}

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType, cuuint32_t rank, void* data, const cuuint64_t* sizes,
                                const cuuint64_t* strides, const cuuint32_t* box, const cuuint32_t* steps,
                                CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                                CUtensorMapFloatOOBfill) {
  constexpr std::uint64_t most = std::uint64_t{1} << 32;
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && strides[0] % 16 == 0;
  const bool sized = sizes[0] > 0 && sizes[0] <= most && sizes[1] > 0 && sizes[1] <= most && strides[0] >= sizes[0] * 2;
  const bool boxed = box[0] == 64 && box[1] > 0 && box[1] <= 256 && steps[0] == 1 && steps[1] == 1;  // 128 bytes wide
  if (rank != 2 || !aligned || !sized || !boxed) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(state().mutex);
  if (find(data, (sizes[1] - 1) * strides[0] + sizes[0] * 2) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *map = {static_cast<const unsigned char*>(data), static_cast<std::int64_t>(sizes[1]), static_cast<std::int64_t>(sizes[0]),
          static_cast<std::int64_t>(strides[0]), box[1], box[0]};
  return CUDA_SUCCESS;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&cuTensorMapEncodeTiled) : nullptr;
  *found = cudaDriverEntryPointSuccess;
  return known ? cudaSuccess : failed(cudaErrorInvalidValue);
}

cudaError_t cudaGetLastError() { return std::exchange(state().lastError, cudaSuccess); }

const char* cudaGetErrorString(cudaError_t error) {
  const State& all = state();
  if (all.message[0] != 0 && (error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure)) return all.message;
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDeviceFunction: return "invalid device function";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
  }
  return "unknown error";
}
