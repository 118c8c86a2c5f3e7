// The machine whose CUDA device the laws run on: the emulated one (cuda/machine.cpp) or, built with AGL_DEVICE_TESTS, this
// one (device/machine.cpp).
#pragma once

#include <functional>
#include <string>

namespace agl::test {

// Empty where laws can run on CUDA; else one line that says why not.
std::string missingDevice();

// Runs a law once for each order of warps that the machine can be made to take: a device has its own, which differs by itself.
void inEveryOrder(const std::function<void()>& law);

}  // namespace agl::test
