// The emulated device's only stream. Work is done where it is asked for, or, held back, as late as CUDA may do it: when
// the host waits. Then errors come with the wait, and memory that the host changed too early shows.
#pragma once

#include <functional>

#include "cuda/emulation_runtime.h"

namespace agl::emulation {

// For tests; letting go waits.
void holdBack(bool held);

// The error of the work, where it is done at once.
cudaError_t submit(std::function<cudaError_t()> work);
// Does the `count` first ever submitted, those that are not yet done; from the first that fails on they are given up.
cudaError_t waitFor(std::size_t count);
cudaError_t waitForAll();
std::size_t submitted();
std::size_t done();
// How often the host waited for the whole stream.
std::size_t waits();

}  // namespace agl::emulation
