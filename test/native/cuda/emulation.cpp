#include "cuda/emulation.h"

#include "core/half.h"

namespace agl::emulation {
namespace {

constexpr unsigned kAll = 0xffffffffU;

struct Exchange {
  std::uint64_t value;
  Shuffle how;
  int by;
  int width;
  std::uint64_t result;
};

// Of lane `lane`; its own where the name leaves the segment, as CUDA has it.
int sourceOf(const Exchange& own, int lane) {
  const int begin = lane / own.width * own.width, end = begin + own.width;
  int from = lane;
  switch (own.how) {
    case Shuffle::lane: return begin + (own.by & (own.width - 1));
    case Shuffle::down: from = lane + own.by; break;
    case Shuffle::up: from = lane - own.by; break;
    case Shuffle::flip: from = lane ^ own.by; break;
  }
  return from >= begin && from < end ? from : lane;
}

void exchange(void* const* operands) {
  for (int lane = 0; lane < static_cast<int>(kLanes); lane++) {
    auto* own = static_cast<Exchange*>(operands[lane]);
    if (own == nullptr) continue;
    const auto* from = static_cast<const Exchange*>(operands[sourceOf(*own, lane)]);
    if (from == nullptr) failKernel("a shuffle reads from lane %d, which is not in its mask", sourceOf(*own, lane));
    own->result = from->value;
  }
}

struct Vote {
  bool predicate;
  unsigned result;
};

void vote(void* const* operands) {
  unsigned result = 0;
  for (unsigned lane = 0; lane < kLanes; lane++) {
    if (operands[lane] != nullptr && static_cast<const Vote*>(operands[lane])->predicate) result |= 1U << lane;
  }
  for (unsigned lane = 0; lane < kLanes; lane++) {
    if (operands[lane] != nullptr) static_cast<Vote*>(operands[lane])->result = result;
  }
}

struct WarpProduct {
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

float low(std::uint32_t pair) { return bf16ToF32(static_cast<std::uint16_t>(pair)); }
float high(std::uint32_t pair) { return bf16ToF32(static_cast<std::uint16_t>(pair >> 16)); }

// On arrays of its own: sanitizers would only slow it down.
__attribute__((no_sanitize("address", "undefined"))) void addProducts(float (&d)[16][8], const float (&a)[16][16],
                                                                      const float (&b)[16][8]) {
  for (unsigned row = 0; row < 16; row++) {
    for (unsigned k = 0; k < 16; k++) {
      for (unsigned column = 0; column < 8; column++) d[row][column] += a[row][k] * b[k][column];
    }
  }
}

// Fragments of the PTX ISA, "mma.m16n8k16": lane = 4 group + position.
//   a[i] rows group + 8 (i % 2), columns 2 position + 8 (i / 2) and the next    b[i] rows 2 position + 8 i and the next, column group
//   d[i] row group + 8 (i / 2), column 2 position + i % 2
// Each sum: the products (exact in f32) are added in ascending k to what d holds.
void multiply(void* const* operands) {
  float a[16][16], b[16][8], d[16][8];
  for (unsigned lane = 0; lane < kLanes; lane++) {
    const auto& own = *static_cast<const WarpProduct*>(operands[lane]);
    const unsigned group = lane / 4, position = lane % 4;
    for (unsigned i = 0; i < 4; i++) {
      float* at = &a[group + 8 * (i % 2)][2 * position + 8 * (i / 2)];
      at[0] = low(own.a[i]);
      at[1] = high(own.a[i]);
      d[group + 8 * (i / 2)][2 * position + i % 2] = own.d[i];
    }
    for (unsigned i = 0; i < 2; i++) {
      b[2 * position + 8 * i][group] = low(own.b[i]);
      b[2 * position + 8 * i + 1][group] = high(own.b[i]);
    }
  }
  addProducts(d, a, b);
  for (unsigned lane = 0; lane < kLanes; lane++) {
    const auto& own = *static_cast<const WarpProduct*>(operands[lane]);
    for (unsigned i = 0; i < 4; i++) own.d[i] = d[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2];
  }
}

struct MatrixLoad {
  std::uint32_t* registers;
  const unsigned char* row;  // what this lane points at
  int count;
  bool transposed;
};

// Lanes 8 m to 8 m + 7 point at the rows of matrix m; a lane receives elements 2 position and 2 position + 1 of row `group`.
void loadMatrices(void* const* operands) {
  for (unsigned lane = 0; lane < kLanes; lane++) {
    const auto& own = *static_cast<const MatrixLoad*>(operands[lane]);
    for (unsigned m = 0; m < static_cast<unsigned>(own.count); m++) {
      const unsigned group = lane / 4, position = lane % 4;
      std::uint16_t pair[2];
      for (unsigned i = 0; i < 2; i++) {
        const unsigned row = own.transposed ? 2 * position + i : group, column = own.transposed ? group : 2 * position + i;
        std::memcpy(&pair[i], static_cast<const MatrixLoad*>(operands[8 * m + row])->row + 2 * column, 2);
      }
      own.registers[m] = std::uint32_t{pair[0]} | std::uint32_t{pair[1]} << 16;
    }
  }
}

void load(const char* name, std::uint32_t* registers, const void* shared, int count, bool transposed) {
  MatrixLoad own{registers, static_cast<const unsigned char*>(shared), count, transposed};
  const bool names = current->index % kLanes < 8U * static_cast<unsigned>(count);  // of .x2 the lower half does
  if (names && (!isShared(own.row, 16) || (own.row - block.shared) % 16 != 0)) {
    failKernel("%s: expected a row of 16 aligned bytes of shared memory", name);
  }
  meet(name, kAll, &own, loadMatrices);
}

}  // namespace

std::uint64_t shuffle(const char* name, unsigned mask, std::uint64_t value, Shuffle how, int by, int width) {
  Exchange own{value, how, by, width, 0};
  meet(name, mask, &own, exchange);
  return own.result;
}

unsigned ballot(unsigned mask, bool predicate) {
  Vote own{predicate, 0};
  meet("__ballot_sync", mask, &own, vote);
  return own.result;
}

}  // namespace agl::emulation

namespace agl::cuda {

using namespace agl::emulation;

void barrier(int id, int threads) { waitBarrier(id, static_cast<unsigned>(threads)); }

void mma16816(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  WarpProduct own{d, a, b};
  meet("mma16816", kAll, &own, multiply);
}

void loadMatrix4(std::uint32_t (&r)[4], const void* shared) { load("loadMatrix4", r, shared, 4, false); }
void loadMatrix4Transposed(std::uint32_t (&r)[4], const void* shared) { load("loadMatrix4Transposed", r, shared, 4, true); }
void loadMatrix2(std::uint32_t (&r)[2], const void* shared) { load("loadMatrix2", r, shared, 2, false); }
void loadMatrix2Transposed(std::uint32_t (&r)[2], const void* shared) { load("loadMatrix2Transposed", r, shared, 2, true); }

void copyAsync16(void* shared, const void* global, bool valid) {
  auto* to = static_cast<unsigned char*>(shared);
  if (!isShared(to, 16) || (to - block.shared) % 16 != 0) failKernel("copyAsync16: expected 16 aligned bytes of shared memory");
  if (valid && reinterpret_cast<std::uintptr_t>(global) % 16 != 0) failKernel("copyAsync16: expected an aligned source");
  std::memset(to, 0xff, 16);
  current->copies.push_back({to, valid ? static_cast<const unsigned char*>(global) : nullptr});
}

void copyAsyncCommit() { current->groups.push_back(current->copies.size()); }

void copyAsyncWaitFor(std::size_t groups) {
  Lane& lane = *current;
  if (lane.groups.size() <= groups) return;
  const std::size_t arrivedGroups = lane.groups.size() - groups;
  const std::size_t arrived = lane.groups[arrivedGroups - 1];
  for (std::size_t i = 0; i < arrived; i++) {
    const AsyncCopy& one = lane.copies[i];
    if (one.from == nullptr) std::memset(one.to, 0, 16);
    else std::memcpy(one.to, one.from, 16);
  }
  lane.copies.erase(lane.copies.begin(), lane.copies.begin() + static_cast<std::ptrdiff_t>(arrived));
  lane.groups.erase(lane.groups.begin(), lane.groups.begin() + static_cast<std::ptrdiff_t>(arrivedGroups));
  for (std::size_t& end : lane.groups) end -= arrived;
}

}  // namespace agl::cuda
