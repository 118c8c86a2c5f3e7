#include "core/cuda_launcher.h"

#include <algorithm>
#include <string>
#include <utility>

namespace agl::cuda {

Launcher::~Launcher() {
  for (Kept& kept : kept_) forget(kept);
}

void Launcher::start(LaunchList& list, bool asGraph) noexcept {
  counters_.launches += static_cast<std::int64_t>(list.size());
  if (!asGraph || list.size() < kGraphLaunches) {
    startEach(list);
  } else if (Kept* const kept = find(list)) {
    startGraph(*kept, list);
  } else {
    startEach(list);
    remember(list);
  }
  list.clear();
}

// --- internal ---

namespace {

dim3 dimensions(Extent extent) { return dim3(extent.x, extent.y, extent.z); }

}  // namespace

void Launcher::startEach(LaunchList& list) {
  for (std::size_t i = 0; i < list.size(); i++) {
    const Launch& launch = list[i];
    if (!allowShared(launch)) continue;
    succeeded(launch.op, cudaLaunchKernel(launch.kernel, dimensions(launch.grid), dimensions(launch.block), list.arguments(i),
                                          launch.sharedBytes, device_.stream()));
  }
}

void Launcher::startGraph(Kept& kept, LaunchList& list) {
  if (kept.runnable == nullptr ? build(kept, list) : update(kept, list)) {
    const cudaError_t error = cudaGraphLaunch(kept.runnable, device_.stream());
    if (error == cudaSuccess) {
      counters_.graphLaunches++;
      std::swap(kept.launches, list);
      return;
    }
    device_.note((std::string(list[0].op) + " to " + list[list.size() - 1].op + ", one graph").c_str(), error);
  }
  forget(kept);
  kept_.erase(kept_.begin() + (&kept - kept_.data()));
}

Launcher::Kept* Launcher::find(const LaunchList& list) {
  for (Kept& kept : kept_) {
    if (!kept.launches.hasKernelsOf(list)) continue;
    kept.lastUse = ++uses_;
    return &kept;
  }
  return nullptr;
}

// In the place of the one least recently used.
void Launcher::remember(LaunchList& list) {
  if (kept_.size() < kKept) {
    kept_.emplace_back();
  } else {
    const auto oldest = std::ranges::min_element(kept_, {}, &Kept::lastUse);
    forget(*oldest);
    std::swap(*oldest, kept_.back());
  }
  kept_.back().lastUse = ++uses_;
  std::swap(kept_.back().launches, list);
}

// A chain of nodes, one for each launch.
bool Launcher::build(Kept& kept, LaunchList& list) {
  if (!succeeded(list[0].op, cudaGraphCreate(&kept.graph, 0))) return false;
  for (std::size_t i = 0; i < list.size(); i++) {
    cudaKernelNodeParams parameters{};
    cudaGraphNode_t node = nullptr;
    if (!parametersOf(parameters, list, i)) return false;
    const cudaGraphNode_t* const before = i == 0 ? nullptr : &kept.nodes.back();
    const cudaError_t error = cudaGraphAddKernelNode(&node, kept.graph, before, i == 0 ? 0 : 1, &parameters);
    if (!succeeded(list[i].op, error)) return false;
    kept.nodes.push_back(node);
  }
  if (!succeeded(list[0].op, cudaGraphInstantiate(&kept.runnable, kept.graph, 0))) return false;
  counters_.graphsBuilt++;
  return true;
}

// Launches of it that run are not touched by this.
bool Launcher::update(Kept& kept, LaunchList& list) {
  if (kept.launches.equals(list)) return true;
  for (std::size_t i = 0; i < list.size(); i++) {
    if (kept.launches.equals(list, i)) continue;
    cudaKernelNodeParams parameters{};
    if (!parametersOf(parameters, list, i)) return false;
    const cudaError_t error = cudaGraphExecKernelNodeSetParams(kept.runnable, kept.nodes[i], &parameters);
    if (!succeeded(list[i].op, error)) return false;
    counters_.nodesUpdated++;
  }
  return true;
}

// What it may still run has ended before it is destroyed.
void Launcher::forget(Kept& kept) {
  if (kept.runnable != nullptr) {
    device_.note("graph", cudaStreamSynchronize(device_.stream()));
    device_.note("graph", cudaGraphExecDestroy(kept.runnable));
  }
  if (kept.graph != nullptr) device_.note("graph", cudaGraphDestroy(kept.graph));
  kept = {};
}

bool Launcher::parametersOf(cudaKernelNodeParams& into, LaunchList& list, std::size_t i) {
  const Launch& launch = list[i];
  into = {const_cast<void*>(launch.kernel), dimensions(launch.grid), dimensions(launch.block),
          static_cast<unsigned>(launch.sharedBytes), list.arguments(i), nullptr};
  return allowShared(launch);
}

// All that the device has, at once: the limit is the device's, and neither a graph built before nor another engine there must find it lowered.
bool Launcher::allowShared(const Launch& launch) {
  constexpr std::size_t anyMay = 48 * 1024;
  if (launch.sharedBytes <= anyMay || std::ranges::find(allowed_, launch.kernel) != allowed_.end()) return true;
  const cudaError_t error = cudaFuncSetAttribute(launch.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                 static_cast<int>(device_.maxSharedBytes()));
  if (!succeeded(launch.op, error)) return false;
  allowed_.push_back(launch.kernel);
  return true;
}

bool Launcher::succeeded(const char* op, cudaError_t error) {
  device_.note(op, error);
  return error == cudaSuccess;
}

}  // namespace agl::cuda
