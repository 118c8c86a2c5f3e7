// The one pool of compute threads. Work is divided statically by outputs; the caller is worker 0 and takes part. Workers
// sleep between calls: nothing spins, since an agent's own JavaScript shares the cores.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "core/arena.h"
#include "core/function_ref.h"

namespace agl {

// Round to nearest even, denormals kept: the mode every compute thread sets when it starts (Law 1).
void setComputeFloatMode();

class Pool {
 public:
  // `threads` workers in all, the caller included; `scratchBytes` of private memory for each.
  Pool(int threads, std::size_t scratchBytes);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }

  // Calls part(worker, begin, end) for contiguous parts of [0, items), at most one a worker and none smaller than
  // `grain` items unless it is the only one. Returns when all are done. Only one caller at a time; a part must not throw.
  void run(std::int64_t items, std::int64_t grain,
           FunctionRef<void(int worker, std::int64_t begin, std::int64_t end)> part);

  // This worker's private memory, 64-byte aligned, at least `bytes` (E_INTERNAL when more than it was made with).
  void* scratch(int worker, std::size_t bytes);
  std::size_t scratchBytes() const { return scratchBytes_; }

 private:
  using Part = FunctionRef<void(int, std::int64_t, std::int64_t)>;
  void work(int worker);
  void runPart(int worker);

  const int threads_;
  const std::size_t scratchBytes_;
  Arena scratch_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const Part* part_ = nullptr;
  std::int64_t items_ = 0;
  int parts_ = 0;
  int running_ = 0;
  std::uint64_t generation_ = 0;
  bool closing_ = false;
};

}  // namespace agl
