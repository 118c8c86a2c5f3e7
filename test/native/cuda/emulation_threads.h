// The threads of an emulated launch: one fiber for each thread of a block, blocks one after another, on the host thread
// that launches. A fiber runs until it must wait; then the next of its warp runs, and where none can, the next warp.
//   Warps and lanes run in ascending order, or, with a seed, in a random order that changes at every wait: what differs
//   between seeds is a race. Seed: setOrderSeed, or the environment's AGL_EMULATION_SEED.
//   A kernel's mistake (a deadlock, lanes of a warp that meet different collectives) ends its launch with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace agl::emulation {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

// One cp.async of 16 bytes that has not arrived.
struct AsyncCopy {
  unsigned char* to;
  const unsigned char* from;  // null: zeros
};

struct Lane {
  Index3 thread;
  unsigned index;      // in the block
  void* stackPointer;  // of the fiber, while another runs
  void* stackBottom;
  void* fakeStack;  // AddressSanitizer's
  // What it waits for, null where it runs or is ready.
  const char* waitsFor;
  unsigned mask;  // of a collective
  void* operand;
  const std::uint64_t* phase;  // of an mbarrier
  unsigned parity;
  int barrier;
  std::vector<AsyncCopy> copies;
  std::vector<std::size_t> groups;  // copies before each commit
};

struct Block {
  Index3 index;
  Index3 size;
  Index3 grid;
  std::size_t sharedBytes;
  unsigned char* shared;
};

extern Lane* current;  // null outside kernels
extern Block block;

struct Launch {
  Index3 grid;
  Index3 block;
  std::size_t sharedBytes;
  void (*thread)(void* closure);
  void* closure;
};
// Runs it to its end. Null, or the mistake that ended it.
const char* runLaunch(const Launch& launch);

constexpr unsigned kLanes = 32;
constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kMaxSharedBytes = 227 * 1024;

// Ascending order for 0.
void setOrderSeed(std::uint64_t seed);

// --- for the running kernel ---

// Waits until every lane of the mask is in the same collective; the last one performs it. operands[i] is null where lane i
// is not in the mask.
void meet(const char* name, unsigned mask, void* operand, void (*perform)(void* const* operands));
// The same for a warp group: four warps, 128 operands.
void meetGroup(const char* name, void* operand, void (*perform)(void* const* operands));
// Waits for `threads` threads at this barrier; 0: every thread of the block that has not ended.
void waitBarrier(int barrier, unsigned threads);
// Ends the launch.
[[noreturn]] void failKernel(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace agl::emulation
