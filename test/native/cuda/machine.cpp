// The emulated machine.
#include "machine.h"

#include <cstdint>

#include "cuda/emulation_threads.h"

namespace agl::test {

std::string missingDevice() { return ""; }

void inEveryOrder(const std::function<void()>& law) {
  for (const std::uint64_t seed : {1, 2, 0}) {
    emulation::setOrderSeed(seed);
    law();
  }
}

}  // namespace agl::test
