// A pass is one graph: the results are those of its launches one by one, and what is steady is not built or sent again.
#define AGL_CUDA_EMULATED
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/cuda.h"
#include "core/cuda_launcher.h"
#include "cuda/emulation_stream.h"
#include "cuda/on_device.h"
#include "harness.h"

namespace agl::test {
namespace {

// y = by y + x[at]: what comes before matters.
__global__ void fold(float* y, const float* x, const int* at, float by, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = by * y[i] + x[at[0]];
}
__global__ void addOne(float* y) { y[threadIdx.x] += 1; }
__global__ void twice(float* y) { y[threadIdx.x] *= 2; }
struct Loose {
  char small;
  double large;
};
__global__ void addLoose(float* y, Loose loose) { y[0] += static_cast<float>(loose.small + loose.large); }
__global__ void wideShared(float* y) {
  float* const shared = reinterpret_cast<float*>(cuda::sharedMemory());
  shared[20000] = y[0];
  y[0] = shared[20000] + 1;
}
__global__ void stuck() {
  if (threadIdx.x < 7) __syncthreads();
  else __syncwarp();
}

constexpr int kCount = 40;
constexpr int kLayers = 20;

std::string failureOf(CudaDevice& device) { return device.failure(); }

struct Model {
  CudaDevice& device;
  OnDevice<float> y{device, kCount};
  OnDevice<float> x{device, randomNumbers(64, 5)};

  // What a decode does: index arrays of this pass alone, the same kernels in every layer, one argument that grows.
  void pass(int step, int layers = kLayers) {
    device.beginStage();
    const std::vector<int> first = {step % 64}, second = {(3 * step) % 64};
    const auto* at = static_cast<const int*>(device.stage(first.data(), sizeof(int)));
    for (int layer = 0; layer < layers; layer++) {
      if (layer == layers / 2) at = static_cast<const int*>(device.stage(second.data(), sizeof(int)));
      cuda::launch(device, "fold", 2, 32, 0, fold, y.data(), x.data(), at, 0.5F, kCount);
    }
    cuda::launch(device, "last", 1, 32, 0, fold, y.data(), x.data(), at, 0.01F * static_cast<float>(step), 1);
  }
};

void launchMany(CudaDevice& device, float* y, int count) {
  for (int i = 0; i < count; i++) cuda::launch(device, "addOne", 1, 8, 0, addOne, y);
}

}  // namespace

TEST("graph: passes give the bits that their launches give one by one") {
  const auto device = openDevice();
  Model graphs{*device}, plain{*device};
  for (int step = 0; step < 6; step++) {
    {
      const DevicePass pass(*device);
      graphs.pass(step);
    }
    plain.pass(step);
    CHECK(graphs.y.values() == plain.y.values());
  }
  CHECK(device->counters().graphLaunches == 5);
  CHECK(failureOf(*device).empty());
}

TEST("graph: steady passes run one graph, and only the nodes whose arguments changed are updated") {
  const auto device = openDevice();
  Model model{*device};
  for (int step = 0; step < 10; step++) {
    const DevicePass pass(*device);
    model.pass(step);
  }
  CHECK(device->counters().launches == 10 * (kLayers + 1));
  CHECK(device->counters().graphsBuilt == 1);
  CHECK(device->counters().graphLaunches == 9);  // the first pass is not yet one
  CHECK(device->counters().nodesUpdated == 8);   // the last launch's, since the graph was built
  CHECK(failureOf(*device).empty());
}

TEST("graph: what is not an argument's own, the padding of a struct, changes no node") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 1);
  for (int step = 0; step < 4; step++) {
    const DevicePass pass(*device);
    for (int i = 0; i < 20; i++) {
      Loose loose;
      std::memset(static_cast<void*>(&loose), step + i, sizeof loose);
      loose.small = 1;
      loose.large = 0.5;
      cuda::launch(*device, "addLoose", 1, 1, 0, addLoose, y.data(), loose);
    }
  }
  CHECK(device->counters().nodesUpdated == 0);
  CHECK(y.values()[0] == 4 * 20 * 1.5F);
}

TEST("graph: a grid that grows is updated, and the new blocks run") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 64), x(*device, std::vector<float>(1, 1.0F));
  OnDevice<int> at(*device, 1);
  for (const unsigned blocks : {1U, 1U, 2U}) {
    const DevicePass pass(*device);
    for (int i = 0; i < 20; i++) {
      cuda::launch(*device, "fold", blocks, 32, 0, fold, y.data(), x.data(), at.data(), 1.0F, 64);
    }
  }
  CHECK(y.values()[31] == 60);
  CHECK(y.values()[32] == 20);
  CHECK(device->counters().graphsBuilt == 1 && device->counters().nodesUpdated == 20);
}

TEST("graph: two kinds of passes that take turns have a graph each, and neither is built again") {
  const auto device = openDevice();
  Model graphs{*device}, plain{*device};
  for (int step = 0; step < 12; step++) {
    const int layers = step % 2 == 0 ? kLayers : kLayers + 7;
    {
      const DevicePass pass(*device);
      graphs.pass(step, layers);
    }
    plain.pass(step, layers);
  }
  CHECK(graphs.y.values() == plain.y.values());
  CHECK(device->counters().graphsBuilt == 2);
  CHECK(device->counters().graphLaunches == 10);
  CHECK(emulation::liveGraphs() == 4);
}

TEST("graph: passes of as many launches with the same arguments, but of other kernels, have another graph") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 8);
  for (int step = 0; step < 6; step++) {
    const DevicePass pass(*device);
    device->fill(y.data(), 0, 8 * sizeof(float));
    launchMany(*device, y.data(), 20);
    cuda::launch(*device, "last", 1, 8, 0, step % 2 == 0 ? addOne : twice, y.data());
    CHECK(y.values()[0] == (step % 2 == 0 ? 21 : 40));
  }
  CHECK(device->counters().graphsBuilt == 2);
}

TEST("graph: few launches, and launches outside of a pass, are no graph") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 8);
  for (int step = 0; step < 3; step++) {
    {
      const DevicePass pass(*device);
      launchMany(*device, y.data(), static_cast<int>(cuda::Launcher::kGraphLaunches) - 1);
    }
    launchMany(*device, y.data(), 40);
  }
  CHECK(device->counters().graphsBuilt == 0);
  CHECK(y.values()[7] == 3 * (cuda::Launcher::kGraphLaunches + 39));
}

TEST("graph: of many kinds of passes the least recently used is forgotten, once it has run, and none outlives the device") {
  constexpr int kinds = 2 * static_cast<int>(cuda::Launcher::kKept);
  {
    const auto device = openDevice();
    OnDevice<float> y(*device, 8);
    emulation::holdBack(true);
    float launches = 0;
    for (int kind = 0; kind < kinds; kind++) {
      for (int time = 0; time < 2; time++) {
        const DevicePass pass(*device);
        launchMany(*device, y.data(), 20 + kind);
        launches += static_cast<float>(20 + kind);
      }
      CHECK(emulation::liveGraphs() <= 2 * cuda::Launcher::kKept);
    }
    {
      const DevicePass pass(*device);
      launchMany(*device, y.data(), 20 + kinds - 1);
    }
    emulation::holdBack(false);
    CHECK(y.values()[0] == launches + 20 + kinds - 1);
    CHECK(device->counters().graphsBuilt == kinds);  // the last kind is still there
    CHECK(failureOf(*device).empty());
  }
  CHECK(emulation::liveGraphs() == 0);
}

TEST("graph: a kernel that fails in a graph is the device's failure, and the passes after it are not") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 8);
  const auto pass = [&](unsigned threads) {
    const DevicePass scope(*device);
    launchMany(*device, y.data(), 20);
    cuda::launch(*device, "stuck", 1, threads, 0, stuck);
  };
  pass(7);
  pass(7);
  CHECK(failureOf(*device).empty() && device->counters().graphLaunches == 1);
  pass(32);
  const std::string failure = device->failure();
  CHECK(failure.find("addOne to stuck, one graph: deadlock: 32 threads live") == 0);
  CHECK(emulation::liveGraphs() == 0);
  pass(7);
  pass(7);
  CHECK(failureOf(*device).empty() && device->counters().graphLaunches == 2);
  CHECK(y.values()[0] == 100);
}

TEST("graph: one that the driver refuses is the device's failure, and so is a launch in it that no device can do") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 8);
  emulation::Machine small;
  small.graphNodes = 10;
  emulation::setMachine(small);
  for (int time = 0; time < 2; time++) {
    const DevicePass pass(*device);
    launchMany(*device, y.data(), 20);
  }
  emulation::setMachine({});
  CHECK(failureOf(*device) == "addOne: out of memory");
  for (int time = 0; time < 2; time++) {
    CHECK(failureOf(*device).empty());
    const DevicePass pass(*device);
    launchMany(*device, y.data(), 20);
    if (time == 1) cuda::launch(*device, "wide", 1, 2000, 0, addOne, y.data());
    else cuda::launch(*device, "narrow", 1, 1, 0, addOne, y.data());
  }
  CHECK(failureOf(*device) == "wide: invalid configuration argument");
  CHECK(emulation::liveGraphs() == 0);
}

TEST("graph: what copies, fills or frees in a pass finds the launches before it done and those after it not") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 8), kept(*device, 8);
  const std::vector<float> tens(8, 10);
  for (int time = 0; time < 3; time++) {
    const DevicePass pass(*device);
    device->fill(y.data(), 0, 8 * sizeof(float));
    launchMany(*device, y.data(), 20);
    CHECK(y.values()[3] == 20);
    launchMany(*device, y.data(), 3);
    device->copy(kept.data(), y.data(), 8 * sizeof(float));
    launchMany(*device, y.data(), 20);
    CHECK(kept.values()[3] == 23);
    CHECK(y.values()[3] == 43);
    launchMany(*device, y.data(), 1);
    device->copyIn(y.data(), tens.data(), 8 * sizeof(float));
    launchMany(*device, y.data(), 17);
    device->fill(kept.data(), 0, 8 * sizeof(float));
    CHECK(y.values()[3] == 27);
    CHECK(kept.values()[3] == 0);
    void* const own = device->allocate(8 * sizeof(float));
    launchMany(*device, static_cast<float*>(own), 20);
    device->release(own, 8 * sizeof(float));
  }
  CHECK(failureOf(*device).empty());
}

TEST("graph: a kernel may take more shared memory than any other launch of it before") {
  const auto device = openDevice();
  OnDevice<float> y(*device, 1);
  for (const std::size_t bytes : {90000, 90000, 90000, 200000, 100000}) {
    const DevicePass pass(*device);
    for (int i = 0; i < 20; i++) cuda::launch(*device, "wideShared", 1, 1, bytes, wideShared, y.data());
  }
  CHECK(y.values()[0] == 100);
  CHECK(device->counters().graphsBuilt == 1);
  CHECK(failureOf(*device).empty());
}

TEST("graph: a kernel keeps the shared memory that it may take when another engine on the device takes less") {
  const auto one = openDevice();
  const auto other = openDevice();
  OnDevice<float> y(*one, 1);
  OnDevice<float> z(*other, 1);
  for (int i = 0; i < 3; i++) {
    cuda::launch(*one, "wideShared", 1, 1, 200000, wideShared, y.data());
    cuda::launch(*other, "wideShared", 1, 1, 90000, wideShared, z.data());
  }
  CHECK(y.values()[0] == 3);
  CHECK(z.values()[0] == 3);
  CHECK(failureOf(*one).empty());
  CHECK(failureOf(*other).empty());
}

}  // namespace agl::test
