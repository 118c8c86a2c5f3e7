#include "core/cuda_device.h"

#include <cstdio>
#include <cstring>

#include "core/cuda.h"
#include "core/cuda_launcher.h"

namespace agl {
namespace {

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, which, ordinal) == cudaSuccess ? value : 0;
}

int capabilityOf(int ordinal) {
  return 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
         attribute(cudaDevAttrComputeCapabilityMinor, ordinal);
}

}  // namespace

int CudaDevice::count(std::string& why) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  cudaGetLastError();
  why = cudaGetErrorString(error);
  return 0;
}

bool CudaDevice::describe(int ordinal, CudaDescription& into) {
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, ordinal) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  std::snprintf(into.name, sizeof into.name, "%s", properties.name);
  into.bytes = properties.totalGlobalMem;
  into.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, ordinal);
  into.capability = capabilityOf(ordinal);
  return true;
}

std::unique_ptr<CudaDevice> CudaDevice::open(int ordinal, std::string& why) {
  const int devices = count(why);
  if (devices == 0) return nullptr;
  if (ordinal < 0 || ordinal >= devices) {
    why = "expected a device below " + std::to_string(devices) + ", got " + std::to_string(ordinal);
    return nullptr;
  }
  std::unique_ptr<CudaDevice> device(new CudaDevice(ordinal));
  if (device->start() && device->capability_ >= kOldest) return device;
  why = device->failure();
  if (why.empty()) {
    why = device->name_ + " has compute capability " + std::to_string(device->capability_ / 10) + "." +
          std::to_string(device->capability_ % 10) + ", 8.0 or newer is needed";
  }
  return nullptr;
}

CudaDevice::CudaDevice(int ordinal)
    : ordinal_(ordinal), staging_(*this), launcher_(std::make_unique<cuda::Launcher>(*this)) {}

CudaDevice::~CudaDevice() {
  use();
  if (stream_ != nullptr) cudaStreamSynchronize(stream_);
  launcher_.reset();
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
  cudaFree(scratch_);
  cudaFreeHost(passage_);
}

void* CudaDevice::allocate(std::size_t bytes) noexcept {
  use();
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, bytes);
  if (error != cudaErrorMemoryAllocation) note("allocate", error);
  if (error != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  fill(data, 0, bytes);
  return data;
}

void CudaDevice::release(void* data, std::size_t) noexcept {
  flush();
  note("release", cudaFree(data));
}

void CudaDevice::fill(void* to, int byte, std::size_t bytes) noexcept {
  if (bytes == 0) return;
  flush();
  note("fill", cudaMemsetAsync(to, byte, bytes, stream_));
}

void CudaDevice::copyIn(void* to, const void* host, std::size_t bytes) noexcept {
  if (bytes == 0) return;
  flush();
  if (bytes > kPassageBytes) {
    note("copyIn", cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, stream_));
    note("copyIn", cudaStreamSynchronize(stream_));
    return;
  }
  if (bytes > kPassageBytes - passageUsed_) {
    note("copyIn", cudaStreamSynchronize(stream_));
    passageUsed_ = 0;
  }
  unsigned char* const from = passage_ + passageUsed_;
  std::memcpy(from, host, bytes);
  passageUsed_ += bytes;
  note("copyIn", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_));
}

void CudaDevice::copyOut(void* host, const void* from, std::size_t bytes) noexcept {
  flush();
  if (bytes > 0) note("copyOut", cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream_));
  note("copyOut", cudaStreamSynchronize(stream_));
  passageUsed_ = 0;
}

void CudaDevice::copy(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes == 0) return;
  flush();
  note("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

const void* CudaDevice::stage(const void* host, std::size_t bytes) noexcept { return staging_.put(host, bytes); }

void CudaDevice::beginStage() noexcept {
  flush();
  staging_.begin();
}

void CudaDevice::beginPass() noexcept { inPass_ = true; }

void CudaDevice::endPass() noexcept {
  flush();
  inPass_ = false;
}

void CudaDevice::submit() noexcept {
  if (!inPass_) flush();
}

const CudaCounters& CudaDevice::counters() const { return launcher_->counters(); }

std::size_t CudaDevice::availableBytes() noexcept {
  use();
  std::size_t available = 0, total = 0;
  note("availableBytes", cudaMemGetInfo(&available, &total));
  return available;
}

const char* CudaDevice::failure() noexcept {
  std::memcpy(asked_, first_, sizeof asked_);
  first_[0] = 0;
  return asked_;
}

void* CudaDevice::scratch(std::size_t bytes) noexcept {
  if (bytes <= scratchBytes_) return scratch_;
  if (first_[0] == 0) {
    std::snprintf(first_, sizeof first_, "scratch: expected at most %zu bytes, got %zu", scratchBytes_, bytes);
  }
  return nullptr;
}

bool CudaDevice::reserveScratch(std::size_t bytes) noexcept {
  if (bytes <= scratchBytes_) return true;
  flush();
  note("reserveScratch", cudaStreamSynchronize(stream_));
  cudaFree(scratch_);
  scratchBytes_ = 0;
  scratch_ = allocate(bytes);
  if (scratch_ == nullptr) return false;
  scratchBytes_ = bytes;
  return true;
}

const char* CudaDevice::arithmetic(Dtype weights) const noexcept {
  if (weights == Dtype::f32) return "f32-cuda-r1";
  if (weights == Dtype::i8) return hopper() ? "bf16-wgmma-int8-r1" : "bf16-mma-int8-r1";
  if (weights == Dtype::f8) return hopper() ? "bf16-wgmma-fp8-r1" : "bf16-mma-fp8-r1";
  return hopper() ? "bf16-wgmma-r1" : "bf16-mma-r1";  // as linear.cu chooses
}

void CudaDevice::use() noexcept { note("use", cudaSetDevice(ordinal_)); }

void CudaDevice::note(const char* what, int error) noexcept {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  if (first_[0] != 0) return;
  std::snprintf(first_, sizeof first_, "%s: %s", what, cudaGetErrorString(static_cast<cudaError_t>(error)));
}

void CudaDevice::flush() noexcept {
  use();
  staging_.upload();
  if (launches_.size() > 0) launcher_->start(launches_, inPass_);
}

bool CudaDevice::start() noexcept {
  use();
  cudaDeviceProp properties{};
  note("open", cudaGetDeviceProperties(&properties, ordinal_));
  name_ = properties.name;
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, ordinal_);
  capability_ = capabilityOf(ordinal_);
  maxSharedBytes_ = static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal_));
  note("open", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  void* passage = nullptr;
  note("open", cudaMallocHost(&passage, kPassageBytes));
  passage_ = static_cast<unsigned char*>(passage);
  staging_.open();
  return first_[0] == 0;
}

}  // namespace agl
