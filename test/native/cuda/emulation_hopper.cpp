#include "cuda/emulation_hopper.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/half.h"

namespace agl::cuda::hopper {
namespace {

using namespace agl::emulation;

// ---- mbarrier: its 64 bits
struct Phase {
  std::int32_t bytes;  // still to come
  std::uint16_t arrivals;
  std::uint16_t pending : 15;
  std::uint16_t parity : 1;
};
static_assert(sizeof(Phase) == sizeof(Barrier));

Phase load(const Barrier* barrier) {
  Phase phase;
  std::memcpy(&phase, barrier, sizeof phase);
  return phase;
}

void store(Barrier* barrier, Phase phase) {
  if (phase.pending == 0 && phase.bytes == 0) {
    phase.pending = phase.arrivals & 0x7fffU;
    phase.parity = phase.parity == 0 ? 1 : 0;
    std::memcpy(barrier, &phase, sizeof phase);
    wakeWaiters(barrier);
    return;
  }
  std::memcpy(barrier, &phase, sizeof phase);
}

void checkBarrier(const Barrier* barrier) {
  if (!isShared(barrier, sizeof *barrier)) failKernel("mbarrier: expected shared memory");
}

// ---- TMA and the operands of wgmma lie with 16-byte pieces exchanged: the 128-byte swizzle

std::size_t swizzled(std::size_t offset) { return offset ^ (offset >> 7 & 7U) << 4; }

std::size_t sharedOffset(const void* at) {
  return static_cast<std::size_t>(static_cast<const unsigned char*>(at) - block.shared);
}

// ---- wgmma

std::uint64_t describe(const void* shared, std::uint64_t blockBytes) {
  return std::uint64_t{sharedOffset(shared) >> 4 & 0x3fffU} | (blockBytes >> 4) << 16 | std::uint64_t{64} << 32 |
         std::uint64_t{1} << 62;
}

// Rows of M or N of an operand, 16 columns of K each, as floats.
void readOperand(float (*rows)[16], int count, std::uint64_t descriptor, bool mn) {
  const std::size_t start = (descriptor & 0x3fffU) << 4;
  const std::size_t blockBytes = (descriptor >> 16 & 0x3fffU) << 4, eightBytes = (descriptor >> 32 & 0x3fffU) << 4;
  for (int row = 0; row < count; row++) {
    const auto r = static_cast<std::size_t>(row);
    for (std::size_t k = 0; k < 16; k++) {
      const std::size_t at = mn ? r / 64 * blockBytes + r % 64 * 2 + k / 8 * eightBytes + k % 8 * 128
                                : r / 8 * eightBytes + r % 8 * 128 + k * 2;
      const std::size_t offset = swizzled(start + at);
      if (offset + 2 > block.sharedBytes) failKernel("wgmma: an operand lies beyond shared memory");
      std::uint16_t bits;
      std::memcpy(&bits, block.shared + offset, 2);
      rows[row][k] = bf16ToF32(bits);
    }
  }
}

constexpr unsigned kGroup = 128;

void readRegisters(float (*rows)[16], void* const* lanes, std::size_t index) {
  for (unsigned t = 0; t < kGroup; t++) {
    const Product& own = static_cast<const Lane*>(lanes[t])->products[index];
    const unsigned row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
    for (unsigned i = 0; i < 4; i++) {
      rows[row + 8 * (i % 2)][column + 8 * (i / 2)] = bf16ToF32(static_cast<std::uint16_t>(own.left[i]));
      rows[row + 8 * (i % 2)][column + 8 * (i / 2) + 1] = bf16ToF32(static_cast<std::uint16_t>(own.left[i] >> 16));
    }
  }
}

Accumulator& accumulatorOf(Lane& lane, const float* d) {
  return *std::find_if(lane.accumulators.begin(), lane.accumulators.end(), [&](const Accumulator& one) { return one.d == d; });
}

// sums += left turned, n columns. Nobody else has these arrays: sanitizers would only slow it down.
__attribute__((no_sanitize("address", "undefined"))) void addProducts(float (&sums)[64][256], const float (&left)[64][16],
                                                                      const float (&turned)[16][256], int n) {
  for (int m = 0; m < 64; m++) {
    for (int k = 0; k < 16; k++) {
      for (int column = 0; column < n; column++) sums[m][column] += left[m][k] * turned[k][column];
    }
  }
}

// The index-th product that the group has under way.
void multiply(void* const* lanes, std::size_t index) {
  const Product& first = static_cast<const Lane*>(lanes[0])->products[index];
  static float left[64][16], right[256][16], turned[16][256], sums[64][256];
  for (unsigned t = 1; t < kGroup; t++) {
    const Product& other = static_cast<const Lane*>(lanes[t])->products[index];
    if (other.n != first.n || other.leftDescriptor != first.leftDescriptor || other.right != first.right ||
        other.accumulate != first.accumulate) {
      failKernel("wgmma: threads of a warp group name different operands");
    }
  }
  if (first.inRegisters) readRegisters(left, lanes, index);
  else readOperand(left, 64, first.leftDescriptor, first.leftMn);
  readOperand(right, first.n, first.right, first.rightMn);
  for (int n = 0; n < first.n; n++) {
    for (int k = 0; k < 16; k++) turned[k][n] = right[n][k];
  }
  const auto forEach = [&](auto&& visit) {
    for (unsigned t = 0; t < kGroup; t++) {
      Lane& lane = *static_cast<Lane*>(lanes[t]);
      float* values = accumulatorOf(lane, lane.products[index].d).values;
      for (int i = 0; i < first.n / 2; i++) {
        const unsigned column = 8 * (static_cast<unsigned>(i) / 4) + 2 * (t % 4) + static_cast<unsigned>(i) % 2;
        visit(values[i], sums[t / 32 * 16 + t % 32 / 4 + 8 * (static_cast<unsigned>(i) / 2 % 2)][column]);
      }
    }
  };
  forEach([&](float value, float& sum) { sum = first.accumulate ? value : 0.0F; });
  addProducts(sums, left, turned, first.n);
  forEach([](float& value, float sum) { value = sum; });
}

// Products of groups that end at `due` in each lane's list.
void finishProducts(void* const* lanes) {
  const std::size_t due = static_cast<const Lane*>(lanes[0])->dueProducts;
  for (unsigned t = 1; t < kGroup; t++) {
    if (static_cast<const Lane*>(lanes[t])->dueProducts != due) failKernel("wgmma: threads of a warp group wait for different groups");
  }
  for (std::size_t i = 0; i < due; i++) multiply(lanes, i);
  for (unsigned t = 0; t < kGroup; t++) {
    Lane& lane = *static_cast<Lane*>(lanes[t]);
    lane.products.erase(lane.products.begin(), lane.products.begin() + static_cast<std::ptrdiff_t>(due));
    std::erase_if(lane.accumulators, [&](const Accumulator& one) {
      const bool underWay = std::any_of(lane.products.begin(), lane.products.end(), [&](const Product& p) { return p.d == one.d; });
      if (!underWay) std::copy_n(one.values, one.count, one.d);
      return !underWay;
    });
  }
}

}  // namespace

void initBarrier(Barrier* barrier, unsigned arrivals) {
  checkBarrier(barrier);
  const auto count = static_cast<std::uint16_t>(arrivals);
  const Phase phase{0, count, static_cast<std::uint16_t>(count & 0x7fffU), 0};
  std::memcpy(barrier, &phase, sizeof phase);
}

void expectBytes(Barrier* barrier, unsigned bytes) {
  checkBarrier(barrier);
  Phase phase = load(barrier);
  phase.bytes += static_cast<std::int32_t>(bytes);
  phase.pending = (phase.pending - 1U) & 0x7fffU;
  store(barrier, phase);
}

void arrive(Barrier* barrier) { expectBytes(barrier, 0); }

void wait(Barrier* barrier, unsigned parity) {
  checkBarrier(barrier);
  while (load(barrier).parity == parity) waitForPhase(barrier);
}

void tmaLoad2d(void* shared, const TensorMap& map, Barrier* barrier, int row, int column) {
  checkBarrier(barrier);
  const std::size_t bytes = std::size_t{map.boxRows} * map.boxColumns * 2;
  if (!isShared(shared, bytes) || sharedOffset(shared) % 1024 != 0) {
    failKernel("tmaLoad2d: expected 1,024-byte aligned shared memory for %zu bytes", bytes);
  }
  std::memset(shared, 0xff, bytes);
  startTransfer({static_cast<unsigned char*>(shared), map, barrier, row, column});
}

std::uint64_t describeK(const void* shared) { return describe(shared, 16); }
std::uint64_t describeMn(const void* shared, unsigned blockBytes) { return describe(shared, blockBytes); }

void fence() { current->fenced = true; }

void commit() { current->productGroups.push_back(current->products.size()); }

void startProduct(float* d, int n, const std::uint32_t* left, std::uint64_t leftDescriptor, bool leftMn,
                  std::uint64_t right, bool rightMn, bool accumulate) {
  Lane& lane = *current;
  const bool known = std::any_of(lane.accumulators.begin(), lane.accumulators.end(), [&](const Accumulator& one) { return one.d == d; });
  if (!known) {
    if (!lane.fenced) failKernel("wgmma: expected a fence since its registers were last touched");
    Accumulator& one = lane.accumulators.emplace_back();
    one.d = d;
    one.count = n / 2;
    if (accumulate) std::copy_n(d, one.count, one.values);
    std::fill_n(d, one.count, std::numeric_limits<float>::quiet_NaN());
  }
  Product& product = lane.products.emplace_back();
  product = {d, n, left != nullptr, {}, leftDescriptor, leftMn, right, rightMn, accumulate};
  if (left != nullptr) std::copy_n(left, 4, product.left);
}

void waitProductsFor(std::size_t groups) {
  Lane& lane = *current;
  lane.dueProducts = 0;
  lane.fenced = false;
  if (lane.productGroups.size() > groups) {
    const std::size_t due = lane.productGroups.size() - groups;
    lane.dueProducts = lane.productGroups[due - 1];
    lane.productGroups.erase(lane.productGroups.begin(), lane.productGroups.begin() + static_cast<std::ptrdiff_t>(due));
    for (std::size_t& end : lane.productGroups) end -= lane.dueProducts;
  }
  meetGroup("waitProducts", finishProducts);
}

}  // namespace agl::cuda::hopper

namespace agl::emulation {

void deliver(const Transfer& transfer) {
  const CUtensorMap& map = transfer.map;
  const std::size_t start = static_cast<std::size_t>(transfer.to - block.shared);
  for (unsigned r = 0; r < map.boxRows; r++) {
    for (unsigned c = 0; c < map.boxColumns; c++) {
      const std::int64_t row = transfer.row + static_cast<std::int64_t>(r), column = transfer.column + static_cast<std::int64_t>(c);
      std::uint16_t bits = 0;
      if (row >= 0 && row < map.rows && column >= 0 && column < map.columns) {
        std::memcpy(&bits, map.data + row * map.strideBytes + column * 2, 2);
      }
      const std::size_t offset = start + r * std::size_t{map.boxColumns} * 2 + c * 2;
      std::memcpy(block.shared + cuda::hopper::swizzled(offset), &bits, 2);
    }
  }
  cuda::hopper::Phase phase = cuda::hopper::load(transfer.barrier);
  phase.bytes -= static_cast<std::int32_t>(map.boxRows * map.boxColumns * 2);
  cuda::hopper::store(transfer.barrier, phase);
}

}  // namespace agl::emulation
