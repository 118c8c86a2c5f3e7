// A CUDA device: its memory, and one stream on which everything asked of it runs in order. Usable without CUDA's headers.
//   Nothing here throws: the first failure is kept with the name of what failed, until failure() is asked.
//   Kernels of a pass are written down and started together, as one graph where they came before (core/cuda_launcher.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/cuda_launch.h"
#include "core/cuda_staging.h"
#include "core/device.h"

struct CUstream_st;

namespace agl {

// What is known of a device before it is opened.
struct CudaDescription {
  char name[256];
  int capability;  // 80, 90, ...
  int multiprocessors;
  std::size_t bytes;
};

struct CudaCounters {
  std::int64_t launches = 0;  // of kernels, those in graphs included
  std::int64_t graphLaunches = 0;
  std::int64_t graphsBuilt = 0;
  std::int64_t nodesUpdated = 0;
};

namespace cuda {
class Launcher;
}

class CudaDevice final : public Device {
 public:
  static constexpr int kOldest = 80;  // compute capability

  // How many devices this machine offers; where none, why.
  static int count(std::string& why);
  // False where there is none.
  static bool describe(int ordinal, CudaDescription& into);
  // Null, and why, where device `ordinal` cannot be used.
  static std::unique_ptr<CudaDevice> open(int ordinal, std::string& why);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  bool isHost() const noexcept override { return false; }
  void* allocate(std::size_t bytes) noexcept override;
  void release(void* data, std::size_t bytes) noexcept override;
  void fill(void* to, int byte, std::size_t bytes) noexcept override;
  void copyIn(void* to, const void* host, std::size_t bytes) noexcept override;
  void copyOut(void* host, const void* from, std::size_t bytes) noexcept override;
  void copy(void* to, const void* from, std::size_t bytes) noexcept override;
  const void* stage(const void* host, std::size_t bytes) noexcept override;
  void beginStage() noexcept override;
  void beginPass() noexcept override;
  void endPass() noexcept override;
  std::size_t availableBytes() noexcept override;
  bool reserveScratch(std::size_t bytes) noexcept override;
  const char* arithmetic(Dtype weights) const noexcept override;
  const char* failure() noexcept override;

  const std::string& name() const { return name_; }
  CUstream_st* stream() const { return stream_; }
  int multiprocessors() const { return multiprocessors_; }
  int capability() const { return capability_; }  // 80, 90, ...
  bool hopper() const { return capability_ == 90; }
  std::size_t maxSharedBytes() const { return maxSharedBytes_; }  // of a block

  // The workspace of the running op, 256-byte aligned: valid until the next op asks, taken once, in one piece. Null, and a
  // failure, where fewer bytes were reserved.
  void* scratch(std::size_t bytes) noexcept;

  // For core/cuda.h's launch(): where the arguments are to be written; then the kernel may start.
  unsigned char* append(const cuda::Launch& launch) noexcept { return launches_.append(launch); }
  void submit() noexcept;
  const CudaCounters& counters() const;

  // The driver's cuTensorMapEncodeTiled; null, and a failure, where it has none.
  void* tensorMapEncoder() noexcept;
  // Makes this the calling thread's device.
  void use() noexcept;
  // Keeps the first failure; `error` is a cudaError_t.
  void note(const char* what, int error) noexcept;

 private:
  explicit CudaDevice(int ordinal);
  bool start() noexcept;
  // use(), and starts what was written down.
  void flush() noexcept;

  static constexpr std::size_t kPassageBytes = std::size_t{1} << 20;

  int ordinal_;
  std::string name_;
  CUstream_st* stream_ = nullptr;
  int multiprocessors_ = 0;
  int capability_ = 0;
  std::size_t maxSharedBytes_ = 0;
  // Page-locked memory that small copies in pass through, so that they wait for nothing.
  unsigned char* passage_ = nullptr;
  std::size_t passageUsed_ = 0;
  cuda::Staging staging_;
  cuda::LaunchList launches_;
  std::unique_ptr<cuda::Launcher> launcher_;
  bool inPass_ = false;
  void* scratch_ = nullptr;
  std::size_t scratchBytes_ = 0;
  void* tensorMapEncoder_ = nullptr;
  char first_[512] = "";
  char asked_[512] = "";
};

}  // namespace agl
