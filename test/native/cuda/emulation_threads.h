// The threads of an emulated launch: one fiber for each thread of a block, blocks one after another, on the host thread
// that launches. A fiber runs until it must wait; then the next of its warp runs, and where none can, the next warp.
//   Warps and lanes run in ascending order, or, with a seed, in a random order that changes at every wait: what differs
//   between seeds is a race. Seed: setOrderSeed, or the environment's AGL_EMULATION_SEED.
//   A kernel's mistake (a deadlock, lanes of a warp that meet different collectives) ends its launch with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// A bf16 matrix in boxes, as the driver describes it to TMA.
struct CUtensorMap {
  const unsigned char* data;
  std::int64_t rows, columns, strideBytes;
  unsigned boxRows, boxColumns;
};

namespace agl::emulation {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

// One cp.async of 16 bytes that has not arrived.
struct AsyncCopy {
  unsigned char* to;
  const unsigned char* from;  // null: zeros
};

// One wgmma that has not ended, and the registers it writes: NaN meanwhile.
struct Product {
  float* d;
  int n;
  bool inRegisters;
  std::uint32_t left[4];
  std::uint64_t leftDescriptor;
  bool leftMn;
  std::uint64_t right;
  bool rightMn;
  bool accumulate;
};
struct Accumulator {
  float* d;
  int count;
  float values[128];
};

// One TMA load that has not arrived.
struct Transfer {
  unsigned char* to;
  CUtensorMap map;  // a copy: the thread that started it may have ended
  std::uint64_t* barrier;
  int row, column;
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
  const std::uint64_t* phase;  // the mbarrier whose phase it waits for
  int barrier;
  std::vector<AsyncCopy> copies;
  std::vector<std::size_t> groups;  // copies before each commit
  std::vector<Product> products;
  std::vector<std::size_t> productGroups;
  std::vector<Accumulator> accumulators;
  std::size_t dueProducts;
  bool fenced;
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
// Waits until the 128 threads of this warp group are here; the last performs it with the lanes.
void meetGroup(const char* name, void (*perform)(void* const* lanes));
// Waits for `threads` threads at this barrier; 0: every thread of the block that has not ended.
void waitBarrier(int barrier, unsigned threads);
// Waits until someone wakes those who wait for this mbarrier.
void waitForPhase(const std::uint64_t* barrier);
void wakeWaiters(const std::uint64_t* barrier);
// Arrives when no thread can run, in the order started.
void startTransfer(const Transfer& transfer);
void deliver(const Transfer& transfer);
bool isShared(const void* at, std::size_t bytes);
// Ends the launch.
[[noreturn]] void failKernel(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace agl::emulation
