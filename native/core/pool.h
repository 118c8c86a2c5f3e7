// The one pool of compute threads. Work is divided statically by outputs; the caller is worker 0 and takes part. The calls of
// one pass of a model follow each other within microseconds, less than waking a thread takes, so who waits looks for a moment
// before it sleeps. Other programs share the cores: a part whose worker has not begun it is done by a worker that is ready.
#pragma once

#include <atomic>
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

  // Calls part(worker, begin, end) for contiguous parts of [0, items), at most as many as workers and none smaller than
  // `grain` items unless it is the only one; which worker gets which part, or several, is left open. Returns when all are
  // done. Only one caller at a time; a part must not throw.
  void run(std::int64_t items, std::int64_t grain,
           FunctionRef<void(int worker, std::int64_t begin, std::int64_t end)> part);

  // This worker's private memory, 64-byte aligned, at least `bytes` (E_INTERNAL when more than it was made with).
  void* scratch(int worker, std::size_t bytes);
  std::size_t scratchBytes() const { return scratchBytes_; }

 private:
  using Part = FunctionRef<void(int, std::int64_t, std::int64_t)>;
  // A part's last call that somebody does or did, on a line of its own.
  struct alignas(64) Claim {
    std::atomic<std::uint64_t> call = 0;
  };
  void work(int worker);
  void runParts(int worker, std::uint64_t call);
  bool claim(int part, std::uint64_t call);
  template <class IsReady>
  void waitUntil(std::condition_variable& woken, std::atomic<int>& sleepers, IsReady isReady);
  void wake(std::condition_variable& sleeping, const std::atomic<int>& sleepers);

  const int threads_;
  const std::size_t scratchBytes_;
  Arena scratch_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;  // of sleeping alone
  std::condition_variable called_;
  std::condition_variable done_;
  std::atomic<int> workersAsleep_ = 0;
  std::atomic<int> callersAsleep_ = 0;
  // The call. Who has not claimed a part reads neither of the first two: it may be over, and the next one be written.
  const Part* part_ = nullptr;
  std::int64_t items_ = 0;
  std::atomic<std::uint64_t> call_ = 0;  // how many there were, times kPartsRange, plus the parts of the last
  std::atomic<int> unfinished_ = 0;      // parts
  std::vector<Claim> claims_;            // of each part
  std::atomic<bool> closing_ = false;
};

}  // namespace agl
