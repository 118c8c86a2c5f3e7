// The machine that this program runs on.
#include "machine.h"

#include "core/cuda_device.h"

namespace agl::test {

std::string missingDevice() {
  std::string why;
  return CudaDevice::open(0, why) != nullptr ? "" : "expected a CUDA device to test, got none: " + why;
}

void inEveryOrder(const std::function<void()>& law) {
  constexpr int kTurns = 8;
  for (int turn = 0; turn < kTurns; turn++) law();
}

}  // namespace agl::test
