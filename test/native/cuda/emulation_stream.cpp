#include "cuda/emulation_stream.h"

#include <deque>
#include <mutex>
#include <utility>

namespace agl::emulation {
namespace {

struct Stream {
  std::recursive_mutex mutex;
  bool held = false;
  std::deque<std::function<cudaError_t()>> waiting;
  std::size_t done = 0;
  std::size_t waits = 0;
};
Stream& stream() {
  static Stream only;
  return only;
}

}  // namespace

void holdBack(bool held) {
  stream().held = held;
  if (!held) waitForAll();
}

cudaError_t submit(std::function<cudaError_t()> work) {
  Stream& all = stream();
  const std::lock_guard lock(all.mutex);
  all.waiting.push_back(std::move(work));
  return all.held ? cudaSuccess : waitForAll();
}

cudaError_t waitFor(std::size_t count) {
  Stream& all = stream();
  const std::lock_guard lock(all.mutex);
  cudaError_t first = cudaSuccess;
  while (all.done < count && !all.waiting.empty()) {
    const std::function<cudaError_t()> work = std::move(all.waiting.front());
    all.waiting.pop_front();
    all.done++;
    if (first == cudaSuccess) first = work();
  }
  return first;
}

cudaError_t waitForAll() { return waitFor(submitted()); }

std::size_t submitted() {
  Stream& all = stream();
  const std::lock_guard lock(all.mutex);
  return all.done + all.waiting.size();
}

std::size_t done() {
  Stream& all = stream();
  const std::lock_guard lock(all.mutex);
  return all.done;
}

std::size_t waits() { return stream().waits; }

}  // namespace agl::emulation

using namespace agl::emulation;

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  stream().waits++;
  const cudaError_t error = waitForAll();
  return failed(isLost() ? cudaErrorLaunchFailure : error);
}

struct CUevent_st {
  std::size_t after = 0;  // how much work was submitted before it
};

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->after = submitted();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return waitFor(event->after); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
