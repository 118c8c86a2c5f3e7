#include "core/arena.h"

#include <sys/mman.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "harness.h"

namespace agl::test {
namespace {

template <class Body>
std::string codeOf(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

bool isMapped(void* address) { return msync(address, 1, MS_ASYNC) == 0 || errno != ENOMEM; }

}  // namespace

TEST("arena: allocations are zeroed, 64-byte aligned, disjoint and in order") {
  Arena arena("test", 4096);
  std::byte* end = arena.data();
  for (const std::size_t bytes : {1U, 63U, 64U, 65U, 1000U, 4U}) {
    std::byte* begin = static_cast<std::byte*>(arena.allocate(bytes));
    CHECK(begin == end);
    CHECK(reinterpret_cast<std::uintptr_t>(begin) % 64 == 0);
    for (std::size_t i = 0; i < bytes; i++) CHECK(begin[i] == std::byte{0});
    std::memset(begin, 0xab, bytes);
    end = begin + Arena::rounded(bytes);
  }
  CHECK(arena.used() == static_cast<std::size_t>(end - arena.data()));
  CHECK(arena.largestAllocation() == 1000);
}

TEST("arena: an allocation beyond the plan is E_INTERNAL and changes nothing") {
  Arena arena("test", 128);
  arena.allocate(100);
  CHECK(arena.used() == 128);
  CHECK(codeOf([&] { arena.allocate(1); }) == "E_INTERNAL");
  CHECK(arena.used() == 128 && arena.highWater() == 128 && arena.largestAllocation() == 100);
  arena.rewind(0);
  CHECK(codeOf([&] { arena.allocate(129); }) == "E_INTERNAL");
  CHECK(codeOf([&] { arena.allocate(128); }).empty());
}

TEST("arena: rewinding hands the same memory out again and keeps the high-water mark") {
  Arena arena("test", 1024);
  arena.allocate(64);
  const std::size_t used = arena.used();
  void* first = arena.allocate(500);
  arena.rewind(used);
  CHECK(arena.used() == 64 && arena.highWater() == 64 + 512);
  CHECK(arena.allocate(8) == first);
}

TEST("arena: poisoned floats are NaN") {
  Arena arena("test", 256);
  const View m = arena.matrix(3, 5);
  arena.poison();
  for (int i = 0; i < 15; i++) CHECK(std::isnan(m.f32()[i]));
}

TEST("arena: a moved arena leaves nothing behind, and its memory goes back to the system when it ends") {
  void* address = nullptr;
  {
    Arena first("test", 4096);
    address = first.allocate(10);
    Arena second = std::move(first);
    CHECK(first.data() == nullptr && first.bytes() == 0 && first.used() == 0);
    CHECK(second.data() == address && second.used() == 64);
    CHECK(isMapped(address));
  }
  CHECK(!isMapped(address));
}

TEST("arena: what the system refuses is E_MEMORY naming the arena") {
  try {
    Arena arena("adapters", std::size_t{1} << 62);
    CHECK(arena.data() == nullptr);  // not reached
  } catch (const Error& error) {
    CHECK(std::string(error.code()) == "E_MEMORY");
    CHECK(std::string(error.what()).find("adapters") != std::string::npos);
  }
  CHECK(codeOf([] { Arena("adapters", std::size_t{1} << 62); }) == "E_MEMORY");
}

TEST("arena: an empty one holds nothing and refuses everything") {
  Arena arena;
  CHECK(arena.data() == nullptr && arena.bytes() == 0);
  CHECK(codeOf([&] { arena.allocate(1); }) == "E_INTERNAL");
}

TEST("arena: a counting one measures what a real one then needs, to the byte") {
  const auto work = [](Arena& arena) {
    arena.matrix(7, 11);
    const std::size_t used = arena.used();
    arena.allocate(10'000);
    arena.rewind(used);
    arena.floats(3);
  };
  Arena counting = Arena::counting("test");
  work(counting);
  CHECK(counting.data() == nullptr);
  Arena exact("test", counting.highWater());
  CHECK(codeOf([&] { work(exact); }).empty());
  CHECK(exact.highWater() == counting.highWater() && exact.bytes() == exact.highWater());
  Arena small("test", counting.highWater() - 64);
  CHECK(codeOf([&] { work(small); }) == "E_INTERNAL");
}

}  // namespace agl::test
