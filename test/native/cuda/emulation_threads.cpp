#include "cuda/emulation_threads.h"

#include <sys/mman.h>

#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace agl::emulation {

Lane* current = nullptr;
Block block;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStackBytes = 256 * 1024;
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif
constexpr std::size_t kPage = 4096;
constexpr unsigned kBarriers = 16;
constexpr unsigned kGroupThreads = 128;

// A bit for each lane.
struct Warp {
  std::uint32_t ready;
  std::uint32_t meeting;
};
struct Group {
  unsigned waiting;
};
struct Barrier {
  unsigned arrived;
  unsigned expected;  // 0: all that live
};

Lane lanes[kMaxThreads];
Warp warps[kMaxThreads / kLanes];
Group groups[kMaxThreads / kGroupThreads];
Barrier barriers[kBarriers];
std::vector<Transfer> transfers;
std::size_t delivered;
Lane scheduler;  // the host thread that launches
std::uint32_t readyWarps;
unsigned threads, alive;
const Launch* running;
char mistake[512];
std::uint64_t seedOfEnvironment() {
  const char* seed = std::getenv("AGL_EMULATION_SEED");
  return seed == nullptr ? 0 : std::strtoull(seed, nullptr, 10);
}
std::uint64_t orderSeed = seedOfEnvironment(), orderState;

// xorshift64 of Marsaglia 2003.
std::uint64_t random() {
  orderState ^= orderState << 13;
  orderState ^= orderState >> 7;
  return orderState ^= orderState << 17;
}

// One of the bits that are set.
unsigned pickBit(std::uint32_t bits) {
  if (orderSeed == 0) return static_cast<unsigned>(std::countr_zero(bits));
  const int start = static_cast<int>(random() & 31U);
  return (static_cast<unsigned>(std::countr_zero(std::rotr(bits, start))) + static_cast<unsigned>(start)) & 31U;
}

// ---- fibers

void runFiber();

#if defined(__x86_64__)
extern "C" void agl_emulation_switch(void** save, void* resume);
asm(R"(
.text
.type agl_emulation_switch, @function
agl_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size agl_emulation_switch, .-agl_emulation_switch
)");

void prepareFiber(Lane& lane) {
  auto* top = reinterpret_cast<void**>(static_cast<char*>(lane.stackBottom) + kStackBytes);
  top[-1] = nullptr;
  top[-2] = reinterpret_cast<void*>(&runFiber);  // the address agl_emulation_switch returns to
  lane.stackPointer = top - 8;                   // and the six registers it takes before, whatever they hold
}
void switchStacks(Lane& from, Lane& to) { agl_emulation_switch(&from.stackPointer, to.stackPointer); }
#else
ucontext_t contexts[kMaxThreads + 1];
ucontext_t& contextOf(Lane& lane) { return contexts[&lane == &scheduler ? kMaxThreads : lane.index]; }

void prepareFiber(Lane& lane) {
  ucontext_t& context = contextOf(lane);
  getcontext(&context);
  context.uc_stack.ss_sp = lane.stackBottom;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, &runFiber, 0);
}
void switchStacks(Lane& from, Lane& to) { swapcontext(&contextOf(from), &contextOf(to)); }
#endif

[[maybe_unused]] std::size_t schedulerStackBytes;

// Runs `to` until some fiber comes back to `from`; a fiber that ends never does.
void switchTo(Lane& from, Lane& to, [[maybe_unused]] bool ends) {
  current = &to == &scheduler ? nullptr : &to;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fakeStack, to.stackBottom,
                                 &to == &scheduler ? schedulerStackBytes : kStackBytes);
#endif
  switchStacks(from, to);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fakeStack, nullptr, nullptr);
#endif
}

void allocateStacks() {
  const std::size_t bytes = kMaxThreads * kStackBytes;
  void* stacks = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED) std::abort();
  for (unsigned i = 0; i < kMaxThreads; i++) {
    lanes[i].index = i;
    lanes[i].stackBottom = static_cast<char*>(stacks) + i * kStackBytes;
    mprotect(lanes[i].stackBottom, kPage, PROT_NONE);
  }
  void* shared = mmap(nullptr, kMaxSharedBytes + 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  block.shared = static_cast<unsigned char*>(shared);
}

// ---- waiting

Warp& warpOf(const Lane& lane) { return warps[lane.index / kLanes]; }
std::uint32_t bitOf(const Lane& lane) { return 1U << (lane.index % kLanes); }

void setReady(Lane& lane) {
  lane.waitsFor = nullptr;
  warpOf(lane).ready |= bitOf(lane);
  readyWarps |= 1U << (lane.index / kLanes);
}

// Gives the turn away; the caller has said in its lane what it waits for, or is ready.
void giveTurn(bool ends, bool toScheduler = false) {
  Lane& from = *current;
  Warp& warp = warpOf(from);
  if (warp.ready == 0 || toScheduler) {
    switchTo(from, scheduler, ends);
    return;
  }
  const unsigned lane = pickBit(warp.ready);
  warp.ready &= ~(1U << lane);
  if (warp.ready == 0) readyWarps &= ~(1U << (from.index / kLanes));
  switchTo(from, lanes[from.index / kLanes * kLanes + lane], ends);
}

void wait(const char* what) {
  current->waitsFor = what;
  giveTurn(false);
}

// With a seed: now and then another warp comes first.
void maybeGiveTurn() {
  if (orderSeed == 0 || (random() & 3U) != 0) return;
  setReady(*current);
  giveTurn(false, true);
}

void releaseBarrier(int id) {
  barriers[id] = {};
  for (unsigned i = 0; i < threads; i++) {
    if (lanes[i].waitsFor != nullptr && lanes[i].barrier == id) {
      lanes[i].barrier = -1;
      setReady(lanes[i]);
    }
  }
}

void releaseBarrierOfAll() {
  if (barriers[0].arrived > 0 && barriers[0].expected == 0 && barriers[0].arrived == alive) releaseBarrier(0);
}

void runFiber() {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (scheduler.stackBottom == nullptr) {  // the first fiber of a launch comes from the host's stack
    scheduler.stackBottom = const_cast<void*>(bottom);
    schedulerStackBytes = bytes;
  }
#endif
  running->thread(running->closure);
  alive--;
  releaseBarrierOfAll();
  giveTurn(true);
  std::abort();  // no one comes back to a fiber that ended
}

// ---- blocks

void describeDeadlock() {
  for (unsigned i = 0; i < threads; i++) {
    if (lanes[i].waitsFor != nullptr) {
      std::snprintf(mistake, sizeof mistake, "deadlock: %u threads live, thread %u of block (%u,%u,%u) waits in %s", alive, i,
                    block.index.x, block.index.y, block.index.z, lanes[i].waitsFor);
      return;
    }
  }
}

// False where none is under way.
bool deliverNext() {
  if (delivered == transfers.size()) return false;
  deliver(transfers[delivered++]);
  if (delivered == transfers.size()) {
    transfers.clear();
    delivered = 0;
  }
  return true;
}

#if defined(__SANITIZE_ADDRESS__)
bool areGivenUp = false;  // the fibers of the last block

// What fibers that ended left of their frames: the outermost ones, those given up all.
void cleanStacks() {
  constexpr std::size_t kOutermost = 8192;
  const std::size_t bytes = areGivenUp ? kStackBytes : kOutermost;
  const unsigned count = areGivenUp ? kMaxThreads : threads;
  areGivenUp = false;
  for (unsigned i = 0; i < count; i++) {
    __asan_unpoison_memory_region(static_cast<char*>(lanes[i].stackBottom) + kStackBytes - bytes, bytes);
  }
}
#endif

void prepareBlock() {
  transfers.clear();
  delivered = 0;
  threads = block.size.x * block.size.y * block.size.z;
  alive = threads;
  std::memset(barriers, 0, sizeof barriers);
  std::memset(groups, 0, sizeof groups);
#if defined(__SANITIZE_ADDRESS__)
  cleanStacks();
  __asan_unpoison_memory_region(block.shared, block.sharedBytes);
  __asan_poison_memory_region(block.shared + block.sharedBytes, kMaxSharedBytes + 2 * kPage - block.sharedBytes);
#endif
  std::memset(block.shared, 0xff, block.sharedBytes);
  Index3 at;
  for (unsigned i = 0; i < threads; i++) {
    Lane& lane = lanes[i];
    lane.thread = at;
    lane.waitsFor = nullptr;
    lane.barrier = -1;
    lane.copies.clear();
    lane.groups.clear();
    lane.phase = nullptr;
    lane.products.clear();
    lane.productGroups.clear();
    lane.accumulators.clear();
    lane.fenced = false;
    prepareFiber(lane);
    if (++at.x == block.size.x) {
      at.x = 0;
      if (++at.y == block.size.y) at = {0, 0, at.z + 1};
    }
  }
  const unsigned count = (threads + kLanes - 1) / kLanes;
  for (unsigned w = 0; w < count; w++) {
    const unsigned left = threads - w * kLanes;
    warps[w] = {left >= kLanes ? ~0U : (1U << left) - 1, 0};
  }
  readyWarps = count == 32 ? ~0U : (1U << count) - 1;
}

void runBlock() {
  prepareBlock();
  while (alive > 0 && mistake[0] == 0) {
    while (readyWarps == 0 && deliverNext()) {
    }
    if (readyWarps == 0) {
      describeDeadlock();
      return;
    }
    const unsigned w = pickBit(readyWarps);
    const unsigned lane = pickBit(warps[w].ready);
    warps[w].ready &= ~(1U << lane);
    if (warps[w].ready == 0) readyWarps &= ~(1U << w);
    switchTo(scheduler, lanes[w * kLanes + lane], false);
  }
  if (delivered < transfers.size() && mistake[0] == 0) {
    std::snprintf(mistake, sizeof mistake, "block (%u,%u,%u) ended before its transfers", block.index.x, block.index.y,
                  block.index.z);
  }
}

}  // namespace

const char* runLaunch(const Launch& launch) {
  if (block.shared == nullptr) allocateStacks();
  running = &launch;
  mistake[0] = 0;
  scheduler.stackBottom = nullptr;
  orderState = orderSeed;
  block.size = launch.block;
  block.grid = launch.grid;
  block.sharedBytes = launch.sharedBytes;
  Index3& at = block.index;
  for (at.z = 0; at.z < launch.grid.z; at.z++) {
    for (at.y = 0; at.y < launch.grid.y; at.y++) {
      for (at.x = 0; at.x < launch.grid.x; at.x++) {
        runBlock();
        if (mistake[0] == 0) continue;
#if defined(__SANITIZE_ADDRESS__)
        areGivenUp = true;
#endif
        return mistake;
      }
    }
  }
  return nullptr;
}

void setOrderSeed(std::uint64_t seed) { orderSeed = seed; }

void meet(const char* name, unsigned mask, void* operand, void (*perform)(void* const* operands)) {
  Lane& self = *current;
  Warp& warp = warpOf(self);
  const unsigned first = self.index / kLanes * kLanes;
  if ((mask & bitOf(self)) == 0) failKernel("%s: lane %u is not in its own mask %08x", name, self.index % kLanes, mask);
  self.mask = mask;
  self.operand = operand;
  warp.meeting |= bitOf(self);
  if ((warp.meeting & mask) != mask) {
    wait(name);
    return;
  }
  void* operands[kLanes] = {};
  self.waitsFor = name;
  for (unsigned i = 0; i < kLanes; i++) {
    if ((mask >> i & 1U) == 0) continue;
    const Lane& other = lanes[first + i];
    if (other.mask != mask || (other.waitsFor != name && std::strcmp(other.waitsFor, name) != 0)) {
      failKernel("lanes of a warp meet different collectives: %s of mask %08x and %s of mask %08x", name, mask,
                 other.waitsFor, other.mask);
    }
    operands[i] = other.operand;
  }
  perform(operands);
  for (unsigned i = 0; i < kLanes; i++) {
    if ((mask >> i & 1U) != 0) lanes[first + i].waitsFor = nullptr;
  }
  warp.meeting &= ~mask;
  warp.ready |= mask & ~bitOf(self);
  if (warp.ready != 0) readyWarps |= 1U << (self.index / kLanes);
  maybeGiveTurn();
}

void meetGroup(const char* name, void (*perform)(void* const* lanes)) {
  const unsigned first = current->index / kGroupThreads * kGroupThreads;
  Group& group = groups[current->index / kGroupThreads];
  if (first + kGroupThreads > threads) failKernel("%s: expected a warp group of 128 threads", name);
  if (++group.waiting < kGroupThreads) {
    wait(name);
    return;
  }
  void* members[kGroupThreads];
  for (unsigned i = 0; i < kGroupThreads; i++) members[i] = &lanes[first + i];
  perform(members);
  group.waiting = 0;
  for (unsigned i = 0; i < kGroupThreads; i++) {
    if (&lanes[first + i] != current) setReady(lanes[first + i]);
  }
  maybeGiveTurn();
}

void waitForPhase(const std::uint64_t* barrier) {
  current->phase = barrier;
  wait("an mbarrier");
}

void wakeWaiters(const std::uint64_t* barrier) {
  for (unsigned i = 0; i < threads; i++) {
    if (lanes[i].phase == barrier && lanes[i].waitsFor != nullptr) {
      lanes[i].phase = nullptr;
      setReady(lanes[i]);
    }
  }
}

void startTransfer(const Transfer& transfer) { transfers.push_back(transfer); }

bool isShared(const void* at, std::size_t bytes) {
  const auto* from = static_cast<const unsigned char*>(at);
  return from >= block.shared && from + bytes <= block.shared + block.sharedBytes;
}

void waitBarrier(int id, unsigned expected) {
  Barrier& barrier = barriers[id];
  if (barrier.arrived > 0 && barrier.expected != expected) {
    failKernel("barrier %d: expected the same number of threads, got %u and %u", id, barrier.expected, expected);
  }
  barrier.expected = expected;
  barrier.arrived++;
  if (barrier.arrived == (expected == 0 ? alive : expected)) {
    releaseBarrier(id);
    maybeGiveTurn();
    return;
  }
  current->barrier = id;
  wait(id == 0 ? "__syncthreads" : "a named barrier");
}

void failKernel(const char* format, ...) {
  if (current == nullptr) std::abort();  // not in a kernel
  const int used = std::snprintf(mistake, sizeof mistake, "thread %u of block (%u,%u,%u): ", current->index, block.index.x,
                                 block.index.y, block.index.z);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(mistake + used, sizeof mistake - static_cast<std::size_t>(used), format, arguments);
  va_end(arguments);
  switchTo(*current, scheduler, true);
  std::abort();
}

}  // namespace agl::emulation
