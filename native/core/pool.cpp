#include "core/pool.h"

#include <cfenv>
#include <string>

#include "core/error.h"

namespace agl {

void setComputeFloatMode() {
  std::fesetround(FE_TONEAREST);
#if defined(__SSE2__)
  __builtin_ia32_ldmxcsr(0x1f80);  // all exceptions masked, nearest-even, flush-to-zero and denormals-are-zero off
#endif
}

Pool::Pool(int threads, std::size_t scratchBytes)
    : threads_(threads),
      scratchBytes_((scratchBytes + 63) / 64 * 64),
      scratch_("scratch", scratchBytes_ * static_cast<std::size_t>(threads)) {
  for (int worker = 1; worker < threads_; worker++) workers_.emplace_back([this, worker] { work(worker); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void* Pool::scratch(int worker, std::size_t bytes) {
  if (bytes > scratchBytes_) {
    throw Error("E_INTERNAL", "Pool.scratch: expected at most " + std::to_string(scratchBytes_) + " bytes, got " +
                                  std::to_string(bytes));
  }
  return scratch_.data() + scratchBytes_ * static_cast<std::size_t>(worker);
}

void Pool::run(std::int64_t items, std::int64_t grain, Part part) {
  if (items <= 0) return;
  const std::int64_t most = grain < 1 ? items : items / grain;
  const int parts = static_cast<int>(most < 1 ? 1 : most < threads_ ? most : threads_);
  if (parts == 1) {
    part(0, 0, items);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    part_ = &part;
    items_ = items;
    parts_ = parts;
    running_ = parts - 1;
    generation_++;
  }
  wake_.notify_all();
  runPart(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return running_ == 0; });
  part_ = nullptr;
}

// --- internal ---

void Pool::runPart(int worker) {
  (*part_)(worker, items_ * worker / parts_, items_ * (worker + 1) / parts_);
}

void Pool::work(int worker) {
  setComputeFloatMode();
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return closing_ || generation_ != seen; });
    if (closing_) return;
    seen = generation_;
    if (worker >= parts_) continue;
    lock.unlock();
    runPart(worker);
    lock.lock();
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace agl
