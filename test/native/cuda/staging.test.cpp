// Index arrays reach the device as they were when they were staged, at the same places in every pass.
#define AGL_CUDA_EMULATED
#include <string>
#include <vector>

#include "core/cuda.h"
#include "cuda/emulation_stream.h"
#include "cuda/on_device.h"
#include "harness.h"

namespace agl::test {
namespace {

__global__ void sum(int* to, const int* from, int count) {
  for (int i = 0; i < count; i++) to[0] += from[i];
}

const int* stagedInts(CudaDevice& device, const std::vector<int>& values) {
  return static_cast<const int*>(device.stage(values.data(), values.size() * sizeof(int)));
}

}  // namespace

TEST("staging: arrays of the same sizes, to a power of two, get the same places in every pass") {
  const auto device = openDevice();
  std::vector<const int*> first;
  for (int step = 0; step < 4; step++) {
    device->beginStage();
    std::vector<const int*> places;
    for (const int size : {3, 130 + 30 * step, 1, 900 - step}) {
      places.push_back(stagedInts(*device, std::vector<int>(static_cast<std::size_t>(size))));
    }
    if (step == 0) first = places;
    CHECK(places == first);
    CHECK(reinterpret_cast<std::uintptr_t>(places[1]) % 256 == 0);
  }
}

TEST("staging: a pass reads its own arrays, however late it runs, when the host goes on with the passes after it") {
  const auto device = openDevice();
  OnDevice<int> totals(*device, 8);
  emulation::holdBack(true);
  for (int step = 0; step < 8; step++) {
    std::vector<int> values = {step, 10 * step, 100};
    device->beginStage();
    const int* own = stagedInts(*device, values);
    values.assign(3, -1);
    cuda::launch(*device, "sum", 1, 1, 0, sum, totals.data() + step, own, 2);
    const int* more = stagedInts(*device, {1000, 2000});
    cuda::launch(*device, "sum", 1, 1, 0, sum, totals.data() + step, more, 2);
  }
  emulation::holdBack(false);
  const std::vector<int> values = totals.values();
  for (int step = 0; step < 8; step++) CHECK(values[static_cast<std::size_t>(step)] == 11 * step + 3000);
  CHECK(std::string(device->failure()).empty());
}

TEST("staging: the host writes for a pass before any work of the pass before it is done") {
  const auto device = openDevice();
  OnDevice<int> total(*device, 1);
  device->beginStage();
  emulation::holdBack(true);
  const std::size_t before = emulation::done();
  for (const int value : {1, 10}) {
    cuda::launch(*device, "sum", 1, 1, 0, sum, total.data(), stagedInts(*device, {value}), 1);
    if (value == 1) device->beginStage();
  }
  CHECK(emulation::done() == before);
  emulation::holdBack(false);
  CHECK(total.values()[0] == 11);
}

TEST("staging: in a pass that was begun anew, launches that were written down keep the arrays they were given") {
  const auto device = openDevice();
  OnDevice<int> total(*device, 1);
  {
    const DevicePass pass(*device);
    for (const int value : {1, 10, 100}) {
      device->beginStage();
      const int* own = stagedInts(*device, {value});
      cuda::launch(*device, "sum", 1, 1, 0, sum, total.data(), own, 1);
    }
  }
  CHECK(total.values()[0] == 111);
}

TEST("staging: arrays larger than its area have memory apart, and what is copied from a place has come there") {
  const auto device = openDevice();
  OnDevice<int> total(*device, 1), copy(*device, 2);
  for (int step = 1; step < 4; step++) {
    device->beginStage();
    const int* small = stagedInts(*device, {5, 6 * step});
    const int* large = stagedInts(*device, std::vector<int>(static_cast<std::size_t>(step) << 21, 1));
    cuda::launch(*device, "sum", 1, 1, 0, sum, total.data(), large, 1 << 20);
    device->copy(copy.data(), small, 2 * sizeof(int));
    CHECK(copy.values() == (std::vector<int>{5, 6 * step}));
  }
  const int* late = stagedInts(*device, {9});
  int back = 0;
  device->copyOut(&back, late, sizeof back);
  CHECK(back == 9);
  CHECK(total.values()[0] == 3 << 20);
  CHECK(std::string(device->failure()).empty());
}

}  // namespace agl::test
