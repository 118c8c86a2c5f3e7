// Starts lists of launches on a device's stream: one by one, or as one CUDA graph. A graph is built when a sequence of
// kernels comes for the second time, and kept: where it comes again, only the nodes are updated whose arguments or extents
// are not those of the last time.
//   Failures are the device's, under the op's name. A graph that failed is forgotten.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cuda.h"
#include "core/cuda_launch.h"

namespace agl::cuda {

class Launcher {
 public:
  static constexpr std::size_t kGraphLaunches = 16;  // of fewer no graph is made
  static constexpr std::size_t kKept = 16;           // sequences of kernels that are remembered

  explicit Launcher(CudaDevice& device) : device_(device) {}
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  // Starts all launches of the list, and empties it.
  void start(LaunchList& list, bool asGraph) noexcept;
  const CudaCounters& counters() const { return counters_; }

 private:
  // A sequence of kernels that came, and its graph from the second time on, with the arguments of the last.
  struct Kept {
    LaunchList launches;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t runnable = nullptr;
    std::vector<cudaGraphNode_t> nodes;
    std::uint64_t lastUse = 0;
  };

  void startEach(LaunchList& list);
  void startGraph(Kept& kept, LaunchList& list);
  Kept* find(const LaunchList& list);
  void remember(LaunchList& list);
  bool build(Kept& kept, LaunchList& list);
  bool update(Kept& kept, LaunchList& list);
  void forget(Kept& kept);
  bool parametersOf(cudaKernelNodeParams& into, LaunchList& list, std::size_t i);
  bool allowShared(const Launch& launch);
  bool succeeded(const char* op, cudaError_t error);

  CudaDevice& device_;
  std::vector<Kept> kept_;
  std::vector<const void*> allowed_;  // kernels that may take more shared memory than any may
  std::uint64_t uses_ = 0;
  CudaCounters counters_;
};

}  // namespace agl::cuda
