#include "core/pool.h"

#include <cfenv>
#include <chrono>
#include <string>

#include "core/error.h"

namespace agl {
namespace {

constexpr std::uint64_t kPartsRange = 1 << 16;
// A sleeping thread wakes within 20 to 50 us. Giving way meanwhile (sched_yield) cost a whole slice of a busy neighbour.
constexpr std::chrono::microseconds kLook(50);
constexpr int kLooks = 32;  // between readings of the clock

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void setComputeFloatMode() {
  std::fesetround(FE_TONEAREST);
#if defined(__SSE2__)
  __builtin_ia32_ldmxcsr(0x1f80);  // all exceptions masked, nearest-even, flush-to-zero and denormals-are-zero off
#endif
}

Pool::Pool(int threads, std::size_t scratchBytes)
    : threads_(threads),
      scratchBytes_((scratchBytes + 63) / 64 * 64),
      scratch_("scratch", scratchBytes_ * static_cast<std::size_t>(threads)),
      claims_(static_cast<std::size_t>(threads)) {
  for (int worker = 1; worker < threads_; worker++) workers_.emplace_back([this, worker] { work(worker); });
}

Pool::~Pool() {
  closing_ = true;
  wake(called_, workersAsleep_);
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
  part_ = &part;
  items_ = items;
  unfinished_ = parts;
  call_ = (call_ / kPartsRange + 1) * kPartsRange + static_cast<std::uint64_t>(parts);
  wake(called_, workersAsleep_);
  runParts(0, call_);
  waitUntil(done_, callersAsleep_, [this] { return unfinished_ == 0; });
}

// --- internal ---

void Pool::work(int worker) {
  setComputeFloatMode();
  for (std::uint64_t seen = 0;;) {
    waitUntil(called_, workersAsleep_, [&] { return closing_ || call_ != seen; });
    if (closing_) return;
    seen = call_;
    runParts(worker, seen);
  }
}

// Its own part first, whose weights may lie in its cache, then those that nobody has begun.
void Pool::runParts(int worker, std::uint64_t call) {
  const int parts = static_cast<int>(call % kPartsRange);
  if (worker >= parts) return;
  for (int i = 0; i < parts; i++) {
    const int part = (worker + i) % parts;
    if (!claim(part, call)) continue;
    (*part_)(worker, items_ * part / parts, items_ * (part + 1) / parts);
    if (--unfinished_ == 0) wake(done_, callersAsleep_);
  }
}

// Once for each part of a call. A call is over only when all its parts were claimed, so one that comes too late finds all of
// them claimed for it or for a later one.
bool Pool::claim(int part, std::uint64_t call) {
  std::atomic<std::uint64_t>& claimed = claims_[static_cast<std::size_t>(part)].call;
  std::uint64_t last = claimed;
  return last < call && claimed.compare_exchange_strong(last, call);
}

// Either who waits counts itself before it looks for the last time, or who wakes has changed what is looked at before it
// reads the count: all of these are sequentially consistent.
template <class IsReady>
void Pool::waitUntil(std::condition_variable& woken, std::atomic<int>& sleepers, IsReady isReady) {
  const auto end = std::chrono::steady_clock::now() + kLook;
  do {
    for (int look = 0; look < kLooks; look++) {
      if (isReady()) return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  std::unique_lock lock(mutex_);
  sleepers++;
  woken.wait(lock, isReady);
  sleepers--;
}

void Pool::wake(std::condition_variable& sleeping, const std::atomic<int>& sleepers) {
  if (sleepers == 0) return;
  { const std::lock_guard lock(mutex_); }  // who looked and found nothing sleeps now
  sleeping.notify_all();
}

}  // namespace agl
