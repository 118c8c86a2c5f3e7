#include "cuda/emulation_graph.h"

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "cuda/emulation_stream.h"

using namespace agl::emulation;

struct CUgraphNode_st {
  CUgraph_st* graph;
  std::vector<cudaGraphNode_t> after;
  Call call;
};
struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
};
// Calls in the order in which they run.
struct CUgraphExec_st {
  std::vector<cudaGraphNode_t> nodes;
  std::vector<Call> calls;
  std::shared_ptr<int> launches = std::make_shared<int>();  // shared by those that have not ended
};

namespace agl::emulation {
namespace {

// Those alive.
struct Graphs {
  std::set<const CUgraph_st*> graphs;
  std::set<const CUgraphExec_st*> runnable;
};
Graphs& live() {
  static Graphs all;
  return all;
}

bool hasNode(const CUgraph_st* graph, const CUgraphNode_st* node) {
  return std::ranges::any_of(graph->nodes, [node](const auto& own) { return own.get() == node; });
}

cudaError_t callOf(Call& into, const cudaKernelNodeParams& parameters) {
  if (parameters.kernelParams == nullptr || parameters.extra != nullptr) return cudaErrorInvalidValue;
  return prepareCall(into, parameters.func, parameters.gridDim, parameters.blockDim, parameters.kernelParams,
                     parameters.sharedMemBytes);
}

// Of nodes that may run, the one added last runs first: an edge that is missing changes the order.
std::vector<cudaGraphNode_t> orderOf(const CUgraph_st& graph) {
  std::vector<cudaGraphNode_t> order;
  const auto ran = [&order](cudaGraphNode_t node) { return std::ranges::find(order, node) != order.end(); };
  while (order.size() < graph.nodes.size()) {
    const auto next = std::find_if(graph.nodes.rbegin(), graph.nodes.rend(), [&](const auto& node) {
      return !ran(node.get()) && std::ranges::all_of(node->after, ran);
    });
    order.push_back(next->get());
  }
  return order;
}

}  // namespace

std::size_t liveGraphs() { return live().graphs.size() + live().runnable.size(); }

}  // namespace agl::emulation

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned) {
  *graph = new CUgraph_st;
  live().graphs.insert(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                   std::size_t count, const cudaKernelNodeParams* parameters) {
  if (!live().graphs.contains(graph)) return failed(cudaErrorInvalidValue);
  auto added = std::make_unique<CUgraphNode_st>();
  added->graph = graph;
  for (std::size_t i = 0; i < count; i++) {
    if (!hasNode(graph, dependencies[i])) return failed(cudaErrorInvalidValue);
    added->after.push_back(dependencies[i]);
  }
  if (const cudaError_t error = callOf(added->call, *parameters); error != cudaSuccess) return failed(error);
  *node = added.get();
  graph->nodes.push_back(std::move(added));
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runnable, cudaGraph_t graph, unsigned long long) {
  if (!live().graphs.contains(graph)) return failed(cudaErrorInvalidValue);
  if (graph->nodes.size() > machine().graphNodes) return failed(cudaErrorMemoryAllocation);
  *runnable = new CUgraphExec_st{orderOf(*graph), {}};
  for (const cudaGraphNode_t node : (*runnable)->nodes) (*runnable)->calls.push_back(node->call);
  live().runnable.insert(*runnable);
  return cudaSuccess;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t runnable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  if (!live().runnable.contains(runnable)) return failed(cudaErrorInvalidValue);
  const auto at = std::ranges::find(runnable->nodes, node);
  if (at == runnable->nodes.end() || !live().graphs.contains(node->graph)) return failed(cudaErrorInvalidValue);
  return failed(callOf(runnable->calls[static_cast<std::size_t>(at - runnable->nodes.begin())], *parameters));
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t runnable, cudaStream_t) {
  if (!live().runnable.contains(runnable)) return failed(cudaErrorInvalidValue);
  return submit([running = runnable->launches, calls = runnable->calls] {  // as they are now
    for (const Call& call : calls) {
      if (const cudaError_t error = runCall(call); error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runnable) {
  if (!live().runnable.contains(runnable) || runnable->launches.use_count() > 1) return failed(cudaErrorInvalidValue);
  live().runnable.erase(runnable);
  delete runnable;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (!live().graphs.contains(graph)) return failed(cudaErrorInvalidValue);
  live().graphs.erase(graph);
  delete graph;
  return cudaSuccess;
}
