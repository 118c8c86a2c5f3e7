#include "core/pool.h"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "harness.h"

namespace agl::test {
namespace {

struct PartSeen {
  std::int64_t begin = 0, end = 0;
  bool operator==(const PartSeen&) const = default;
};

// The parts of one run, in the order of their items.
std::vector<PartSeen> partsOf(Pool& pool, std::int64_t items, std::int64_t grain) {
  std::vector<PartSeen> seen;
  std::mutex mutex;
  pool.run(items, grain, [&](int worker, std::int64_t begin, std::int64_t end) {
    CHECK(worker >= 0 && worker < pool.threads());
    const std::lock_guard lock(mutex);
    seen.push_back({begin, end});
  });
  std::sort(seen.begin(), seen.end(), [](const PartSeen& a, const PartSeen& b) { return a.begin < b.begin; });
  CHECK(static_cast<int>(seen.size()) <= pool.threads());
  return seen;
}

}  // namespace

TEST("pool: every item is done exactly once, in contiguous parts, at most as many as workers") {
  for (const int threads : {1, 2, 3, 5}) {
    Pool pool(threads, 0);
    for (const std::int64_t items : {0, 1, 2, 3, 4, 5, 7, 16, 97, 1000}) {
      for (const std::int64_t grain : {0, 1, 2, 10, 2000}) {
        std::int64_t next = 0;
        for (const PartSeen& part : partsOf(pool, items, grain)) {
          CHECK(part.begin == next && part.end > part.begin);
          next = part.end;
        }
        CHECK(next == items);
      }
    }
  }
}

TEST("pool: no part is smaller than the grain unless it is the only one, and parts differ by at most one item") {
  Pool pool(4, 0);
  for (std::int64_t items = 1; items < 60; items++) {
    for (std::int64_t grain = 1; grain < 20; grain++) {
      const std::vector<PartSeen> parts = partsOf(pool, items, grain);
      std::int64_t least = items, most = 0;
      for (const PartSeen& part : parts) {
        least = std::min(least, part.end - part.begin);
        most = std::max(most, part.end - part.begin);
      }
      CHECK(parts.size() == 1 || least >= grain);
      CHECK(most - least <= 1);
      CHECK(parts.size() == 4 || items / grain == static_cast<std::int64_t>(parts.size()) || items < grain);
    }
  }
}

TEST("pool: the division is static: the same items lie in the same parts every time") {
  Pool pool(3, 0);
  const std::vector<PartSeen> first = partsOf(pool, 100, 1);
  for (int i = 0; i < 200; i++) CHECK(partsOf(pool, 100, 1) == first);
  CHECK(first.size() == 3);
}

TEST("pool: workers that are ready take parts side by side, each on a thread of its own") {
  Pool pool(3, 0);
  std::vector<std::thread::id> threads(3);
  std::atomic<int> begun = 0;
  pool.run(3, 1, [&](int worker, std::int64_t, std::int64_t) {
    threads[static_cast<std::size_t>(worker)] = std::this_thread::get_id();
    for (begun++; begun < 3;) std::this_thread::yield();  // none ends before all have begun
  });
  CHECK(threads[0] == std::this_thread::get_id());
  CHECK(threads[1] != threads[0] && threads[2] != threads[0] && threads[1] != threads[2]);
}

TEST("pool: the part of a worker that still sleeps is done by one that is ready") {
  Pool pool(2, 0);
  int alone = 0;  // rounds that one worker, whichever, did without the other
  for (int round = 0; round < 100; round++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::vector<int> parts(2);
    pool.run(2, 1, [&](int worker, std::int64_t, std::int64_t) { parts[static_cast<std::size_t>(worker)]++; });
    CHECK(parts[0] + parts[1] == 2);
    alone += parts[0] != 1 ? 1 : 0;
  }
  CHECK(alone > 0);
}

TEST("pool: a run returns after all parts are done, in ten thousand runs of changing width") {
  Pool pool(4, 0);
  std::vector<std::int64_t> done(4);
  std::int64_t expected = 0;
  for (std::int64_t i = 0; i < 10'000; i++) {
    if (i % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // all asleep
    const std::int64_t items = 1 + i % 4;
    pool.run(items, 1, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t item = begin; item < end; item++) done[static_cast<std::size_t>(item)]++;  // no atomic: run() orders them
    });
    expected += items;
    CHECK(done[0] + done[1] + done[2] + done[3] == expected);
  }
}

TEST("pool: each worker's scratch is its own, 64-byte aligned, and never more than was asked for") {
  Pool pool(3, 100);
  CHECK(pool.scratchBytes() >= 100);
  for (int round = 0; round < 50; round++) {
    std::vector<char> wrote(3);
    pool.run(3, 1, [&](int worker, std::int64_t, std::int64_t) {
      std::memset(pool.scratch(worker, pool.scratchBytes()), worker + 1, pool.scratchBytes());
      wrote[static_cast<std::size_t>(worker)] = 1;
    });
    CHECK(wrote[0] + wrote[1] + wrote[2] > 0);  // a ready worker may have done several parts, and another none
    for (int worker = 0; worker < 3; worker++) {
      if (wrote[static_cast<std::size_t>(worker)] == 0) continue;
      const auto* bytes = static_cast<const unsigned char*>(pool.scratch(worker, 1));
      CHECK(reinterpret_cast<std::uintptr_t>(bytes) % 64 == 0);
      for (std::size_t i = 0; i < pool.scratchBytes(); i++) CHECK(bytes[i] == worker + 1);
    }
  }
  try {
    pool.scratch(0, pool.scratchBytes() + 1);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(std::string(error.code()) == "E_INTERNAL");
  }
}

TEST("pool: workers round to nearest even whatever mode their creator was in") {
  std::fesetround(FE_UPWARD);
  auto pool = std::make_unique<Pool>(2, 0);
  std::fesetround(FE_TONEAREST);
  volatile float one = 1.0F, tiny = 0x1p-30F, smallest = 0x1p-149F;
  pool->run(2, 1, [&](int, std::int64_t, std::int64_t) {
    CHECK(one + tiny == 1.0F);
    CHECK(smallest * 2 == 0x1p-148F);  // denormals are kept
  });
}

TEST("pool: no part runs once the pool is gone, and pools come and go without work") {
  std::atomic<int> calls = 0;
  for (int i = 0; i < 200; i++) {
    Pool pool(3, 64);
    if (i % 2 == 0) pool.run(3, 1, [&](int, std::int64_t, std::int64_t) { calls++; });
  }
  CHECK(calls == 300);
  std::this_thread::yield();
  CHECK(calls == 300);
}

}  // namespace agl::test
