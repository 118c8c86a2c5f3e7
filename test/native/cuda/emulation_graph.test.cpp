// The emulated graphs and stream refuse what CUDA leaves undefined, and keep no more than its promises.
#define AGL_CUDA_EMULATED
#include <string>
#include <vector>

#include "core/cuda.h"
#include "cuda/emulation_graph.h"
#include "cuda/emulation_stream.h"
#include "cuda/on_device.h"
#include "harness.h"

namespace agl::test {
namespace {

__global__ void append(int* y, int digit) { y[0] = 10 * y[0] + digit; }

// A node's parameters, and what they point at.
struct Append {
  int* y;
  int digit;
  void* arguments[2] = {&y, &digit};
  cudaKernelNodeParams parameters;
  Append(int* to, int what, unsigned threads = 1)
      : y(to), digit(what), parameters{const_cast<void*>(cuda::functionOf(append)), 1, threads, 0, arguments, nullptr} {}
  Append(const Append&) = delete;
};

cudaGraphNode_t add(cudaGraph_t graph, int* y, int digit, std::vector<cudaGraphNode_t> after) {
  const Append call(y, digit);
  cudaGraphNode_t node = nullptr;
  CHECK(cudaGraphAddKernelNode(&node, graph, after.data(), after.size(), &call.parameters) == cudaSuccess);
  return node;
}

}  // namespace

TEST("emulation: nodes of a graph run in the order of its edges, and without edges in another than they were added") {
  const auto device = openDevice();
  OnDevice<int> chained(*device, 1), loose(*device, 1);
  for (OnDevice<int>* y : {&chained, &loose}) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t runnable = nullptr;
    cudaGraphCreate(&graph, 0);
    std::vector<cudaGraphNode_t> after;
    for (const int digit : {1, 2, 3}) {
      const cudaGraphNode_t node = add(graph, y->data(), digit, after);
      if (y == &chained) after = {node};
    }
    CHECK(cudaGraphInstantiate(&runnable, graph) == cudaSuccess);
    CHECK(cudaGraphLaunch(runnable, device->stream()) == cudaSuccess);
    cudaGraphExecDestroy(runnable);
    cudaGraphDestroy(graph);
  }
  CHECK(chained.values()[0] == 123);
  CHECK(loose.values()[0] == 321);
}

TEST("emulation: an update of a graph's node reaches the launches after it, not those before that still wait") {
  const auto device = openDevice();
  OnDevice<int> y(*device, 1);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t runnable = nullptr;
  cudaGraphCreate(&graph, 0);
  const cudaGraphNode_t node = add(graph, y.data(), 1, {});
  cudaGraphInstantiate(&runnable, graph);
  emulation::holdBack(true);
  cudaGraphLaunch(runnable, device->stream());
  const Append changed(y.data(), 7);
  CHECK(cudaGraphExecKernelNodeSetParams(runnable, node, &changed.parameters) == cudaSuccess);
  cudaGraphLaunch(runnable, device->stream());
  CHECK(cudaGraphExecDestroy(runnable) == cudaErrorInvalidValue);  // it still runs
  emulation::holdBack(false);
  CHECK(y.values()[0] == 17);
  CHECK(cudaGraphExecDestroy(runnable) == cudaSuccess);
  CHECK(cudaGraphLaunch(runnable, device->stream()) == cudaErrorInvalidValue);
  CHECK(cudaGraphExecKernelNodeSetParams(runnable, node, &changed.parameters) == cudaErrorInvalidValue);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaErrorInvalidValue);
}

TEST("emulation: a node of an unknown kernel, without an argument, after another graph's node or too wide is refused") {
  const auto device = openDevice();
  OnDevice<int> y(*device, 1);
  cudaGraph_t graph = nullptr, other = nullptr;
  cudaGraphCreate(&graph, 0);
  cudaGraphCreate(&other, 0);
  const cudaGraphNode_t foreign = add(other, y.data(), 1, {});
  cudaGraphNode_t node = nullptr;
  Append call(y.data(), 1);
  CHECK(cudaGraphAddKernelNode(&node, graph, &foreign, 1, &call.parameters) == cudaErrorInvalidValue);
  call.parameters.sharedMemBytes = 48 * 1024 + 1;
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &call.parameters) == cudaErrorInvalidValue);
  call.parameters.sharedMemBytes = 0;
  const Append wide(y.data(), 1, 1025);
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &wide.parameters) == cudaErrorInvalidConfiguration);
  call.arguments[1] = nullptr;
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &call.parameters) == cudaErrorInvalidValue);
  call.parameters.func = &call;
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &call.parameters) == cudaErrorInvalidDeviceFunction);
  CHECK(node == nullptr);
  cudaGraphDestroy(graph);
  cudaGraphDestroy(other);
}

TEST("emulation: held back, copies from page-locked memory read it late, others when asked, and errors come with the wait") {
  const auto device = openDevice();
  OnDevice<int> y(*device, 2);
  void* locked = nullptr;
  cudaMallocHost(&locked, sizeof(int));
  int& early = *static_cast<int*>(locked);
  int own = 5;
  early = 5;
  emulation::holdBack(true);
  cudaMemcpyAsync(y.data(), &early, sizeof(int), cudaMemcpyHostToDevice, device->stream());
  cudaMemcpyAsync(y.data() + 1, &own, sizeof(int), cudaMemcpyHostToDevice, device->stream());
  early = own = 6;
  CHECK(y.values() == (std::vector<int>{6, 5}));
  int host = 0;
  cuda::launch(*device, "append", 1, 1, 0, append, &host, 1);
  CHECK(std::string(device->failure()).empty());
  y.values();
  CHECK(std::string(device->failure()).find("copyOut: expected device memory in pointer 1") == 0);
  emulation::holdBack(false);
  cudaFreeHost(locked);
}

}  // namespace agl::test
