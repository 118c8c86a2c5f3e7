// What the CUDA files of lora.h share: tasks as a table in device memory, how both products are cut into blocks, launches.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"
#include "ops/lora/lora.h"

namespace agl::lora {

// A task in device memory.
struct Entry {
  float* y;
  float* down;
  const float* x;
  const void* a;
  const void* b;
  int yStride, downStride, xStride;
  int rows, rank, n, k;
  float scale;
};
enum class Step { down, up };

// One of a task's two products.
struct Side {
  const float* x;
  const void* w;
  float* out;
  int xStride, outStride;
  int rows, outputs, k;

  __device__ Side(const Entry& e, Step step)
      : x(step == Step::down ? e.x : e.down),
        w(step == Step::down ? e.a : e.b),
        out(step == Step::down ? e.down : e.y),
        xStride(step == Step::down ? e.xStride : e.downStride),
        outStride(step == Step::down ? e.downStride : e.yStride),
        rows(e.rows),
        outputs(step == Step::down ? e.rank : e.n),
        k(step == Step::down ? e.k : e.rank) {}
  template <Step kStep>
  __device__ void write(int row, int output, float sum, float scale) const {
    float* const at = out + static_cast<std::int64_t>(row) * outStride + output;
    *at = kStep == Step::down ? sum : __fadd_rn(*at, __fmul_rn(scale, sum));
  }
};

constexpr int parts(int count, int size) { return (count + size - 1) / size; }

// The task of this block: the last of `count` whose first block does not come after it.
__device__ inline int taskOfBlock(const int* firsts, int count) {
  int begun = 0;
  for (int base = 0; base < count; base += 32) {
    const int task = base + static_cast<int>(threadIdx.x) % 32;
    const bool hasBegun = task < count && firsts[task] <= static_cast<int>(blockIdx.x);
    begun += __popc(__ballot_sync(0xffffffffU, hasBegun ? 1 : 0));
  }
  return begun - 1;
}

// Threads that multiply together are a team. A kernel's T says how: kThreads of a team, kMaxThreads of a block, a tile of
// kRows by kOutputs, kSharedBytes for each team.

// Teams that share a tile, each with other pieces of the sum.
constexpr int pieceTeams(int k, int teams) {
  const int pieces = parts(k, static_cast<int>(kPiece));
  return pieces < teams ? pieces : teams;
}
// Blocks of a task, `teams` to a block: tiles of rows times tiles of outputs.
template <class T>
constexpr int blocksOf(int rows, int outputs, int k, int teams) {
  return parts(rows, T::kRows) * parts(parts(outputs, T::kOutputs), teams / pieceTeams(k, teams));
}

inline Entry entryOf(const LoraTask& t) {
  const auto number = [](std::int64_t value) { return static_cast<int>(value); };
  return {t.y.f32(), t.down.f32(), t.x.f32(), t.a.data, t.b.data,
          number(t.y.stride), number(t.down.stride), number(t.x.stride),
          number(t.x.rows), number(t.a.n), number(t.b.n), number(t.a.k), t.scale};
}

struct Division {
  int blocks, teams;
};

// As many teams to a block as leave each multiprocessor two blocks, and all that a sum has pieces for. Writes each task's
// first block.
template <class T>
Division divide(const CudaDevice& device, std::span<const Entry> entries, Step step, int* firsts) {
  const auto outputsOf = [&](const Entry& e) { return step == Step::down ? e.rank : e.n; };
  const auto columnsOf = [&](const Entry& e) { return step == Step::down ? e.k : e.rank; };
  const int maxTeams = std::min(T::kMaxThreads / T::kThreads, static_cast<int>(device.maxSharedBytes() / T::kSharedBytes));
  int tiles = 0, together = 1;
  for (const Entry& e : entries) {
    tiles += blocksOf<T>(e.rows, outputsOf(e), columnsOf(e), 1);
    together = std::max(together, pieceTeams(columnsOf(e), maxTeams));
  }
  const int groups = std::clamp(tiles / (2 * device.multiprocessors()) / together, 1, maxTeams / together);
  Division division{0, groups * together};
  for (const Entry& e : entries) {
    *firsts++ = division.blocks;
    division.blocks += blocksOf<T>(e.rows, outputsOf(e), columnsOf(e), division.teams);
  }
  return division;
}

using Kernel = void (*)(const Entry* entries, const int* firsts, int count);

template <class T>
void start(CudaDevice& device, Division division, Kernel kernel, const Entry* entries, const int* firsts, int count) {
  cuda::launch(device, "lora.forward", dim3(static_cast<unsigned>(division.blocks)),
               dim3(static_cast<unsigned>(division.teams * T::kThreads)),
               static_cast<std::size_t>(division.teams) * T::kSharedBytes, kernel, entries, firsts, count);
}

// Both products of all tasks: `down` by teams of Down, then `up` by those of Up.
template <class Down, class Up>
void runBoth(CudaDevice& device, std::span<const LoraTask> tasks, Kernel down, Kernel up) {
  const auto count = static_cast<int>(tasks.size());
  std::vector<Entry> entries;
  for (const LoraTask& task : tasks) entries.push_back(entryOf(task));
  std::vector<int> firsts(2 * tasks.size());
  const Division first = divide<Down>(device, entries, Step::down, firsts.data());
  const Division then = divide<Up>(device, entries, Step::up, firsts.data() + count);
  const Entry* const table = staged(device, std::span<const Entry>(entries)).data();
  const int* const begins = staged(device, std::span<const int>(firsts)).data();
  if (table == nullptr || begins == nullptr) return;
  start<Down>(device, first, down, table, begins, count);
  start<Up>(device, then, up, table, begins + count, count);
}

void forwardBf16(CudaDevice& device, std::span<const LoraTask> tasks);
void forwardF32(CudaDevice& device, std::span<const LoraTask> tasks);

}  // namespace agl::lora
