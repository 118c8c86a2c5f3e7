#include "ops/self_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/philox.h"
#include "core/pool.h"
#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl {
namespace {

using Floats = std::vector<float>;

constexpr std::int64_t kRows = 40, kInputs = 1100, kOutputs = 80, kHeadSize = 64, kRank = 16;
// Decoding has kernels of its own, for few rows.
constexpr std::int64_t kRowsOfProducts[] = {3, 100};
// `down`, below 64, may fall to either side of a rounding to bf16 on the way: 16 of these times numbers below 1/2.
constexpr float kLoraBound = 2;
constexpr std::size_t kScratch = std::size_t{8} << 20;

Floats numbers(std::int64_t count, std::uint32_t stream) {
  Floats out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); i++) {
    const PhiloxBlock block = philox({static_cast<std::uint32_t>(i), stream, 0, 0}, 17);
    out[i] = static_cast<float>(2 * uniform(block[0], block[1]) - 1);
  }
  return out;
}

// Memory of a device that goes with this object.
class Memory {
 public:
  Memory(Device& device, std::int64_t bytes) : device_(device), bytes_(static_cast<std::size_t>(bytes)), data_(device.allocate(bytes_)) {}
  Memory(Device& device, const Floats& values) : Memory(device, static_cast<std::int64_t>(values.size() * sizeof(float))) {
    if (data_ != nullptr) device.copyIn(data_, values.data(), bytes_);
  }
  ~Memory() {
    if (data_ != nullptr) device_.release(data_, bytes_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* data() const { return data_; }
  View view(std::int64_t rows, std::int64_t cols) const { return matrix(static_cast<float*>(data_), rows, cols); }

 private:
  Device& device_;
  std::size_t bytes_;
  void* data_;
};

// Packed random weights (n, k).
class Weights {
 public:
  Weights(Context& ctx, Dtype dtype, std::int64_t n, std::int64_t k, std::uint32_t stream)
      : memory_(ctx.device, Packed{nullptr, n, k, dtype}.bytes()), packed_(Packed{nullptr, n, k, dtype}.placed(memory_.data())) {
    const Memory w(ctx.device, numbers(n * k, stream));
    ctx.ops.linear.pack(ctx, packed_, w.view(n, k));
  }
  Packed packed() const { return packed_; }

 private:
  Memory memory_;
  Packed packed_;
};

Floats product(Context& ctx, Dtype dtype, std::int64_t rows) {
  const Memory x(ctx.device, numbers(rows * kInputs, 1)), y(ctx.device, rows * kOutputs * 4);
  const Weights w(ctx, dtype, kOutputs, kInputs, 2);
  ctx.ops.linear.forward(ctx, y.view(rows, kOutputs), x.view(rows, kInputs), w.packed());
  return readFloats(ctx.device, y.view(rows, kOutputs));
}

// Of two adapters: three rows of the first, the others of the second.
Floats lora(Context& ctx, Dtype dtype) {
  const Memory x(ctx.device, numbers(kRows * kInputs, 8)), y(ctx.device, numbers(kRows * kOutputs, 9));
  const Memory down(ctx.device, kRows * kRank * 4);
  const Weights a(ctx, dtype, kRank, kInputs, 10), b(ctx, dtype, kOutputs, kRank, 11), c(ctx, dtype, kOutputs, kRank, 12);
  const auto task = [&](std::int64_t row, std::int64_t rows, const Weights& up, float scale) {
    return LoraTask{y.view(kRows, kOutputs).slice(row, rows), down.view(kRows, kRank).slice(row, rows),
                    x.view(kRows, kInputs).slice(row, rows), a.packed(), up.packed(), scale};
  };
  const std::array<LoraTask, 2> tasks = {task(0, 3, b, 0.25F), task(3, kRows - 3, c, 0.5F)};
  ctx.device.beginStage();
  ctx.ops.lora.forward(ctx, tasks);
  return readFloats(ctx.device, y.view(kRows, kOutputs));
}

Floats norm(Context& ctx) {
  const Memory x(ctx.device, numbers(kRows * kInputs, 3)), w(ctx.device, numbers(kInputs, 4));
  const Memory rstd(ctx.device, kRows * 4);
  ctx.ops.rmsNorm.forward(ctx, x.view(kRows, kInputs), rstd.view(1, kRows), x.view(kRows, kInputs), w.view(1, kInputs), 1e-6F);
  return readFloats(ctx.device, x.view(kRows, kInputs));
}

Floats attention(Context& ctx) {
  const Memory q(ctx.device, numbers(kRows * 2 * kHeadSize, 5)), k(ctx.device, numbers(kRows * kHeadSize, 6));
  const Memory v(ctx.device, numbers(kRows * kHeadSize, 7)), out(ctx.device, kRows * 2 * kHeadSize * 4);
  const AttentionTile tiles[] = {{0, 32, 0, 0, 1}, {32, 8, 32, 0, 1}};
  const KeyRun runs[] = {{0, kRows}};
  AttentionWork work{tiles, runs};
  ctx.device.beginStage();
  ctx.ops.attention.prepare(ctx, work, false);
  ctx.ops.attention.forward(ctx, out.view(kRows, 2 * kHeadSize), {}, q.view(kRows, 2 * kHeadSize), k.view(kRows, kHeadSize),
                            v.view(kRows, kHeadSize), work, {2, 1, kHeadSize, 0.125F});
  return readFloats(ctx.device, out.view(kRows, 2 * kHeadSize));
}

bool sameBits(const Floats& a, const Floats& b) {
  return std::ranges::equal(a, b, {}, std::bit_cast<std::uint32_t, float>, std::bit_cast<std::uint32_t, float>);
}

// Both are sums of kInputs products of the same rounded numbers below 1, added in different orders.
bool near(const Floats& a, const Floats& b, float by = 1e-3F) {
  return std::ranges::equal(a, b, [by](float x, float y) { return std::abs(x - y) <= by; });
}

std::string compare(Context& device, Context& cpu) {
  for (const std::int64_t rows : kRowsOfProducts) {
    const auto isNear = [&](Dtype dtype) { return near(product(device, dtype, rows), product(cpu, dtype, rows)); };
    if (!sameBits(product(device, Dtype::f32, rows), product(cpu, Dtype::f32, rows))) return "products in float32";
    if (!isNear(Dtype::bf16)) return "products in bf16";
    if (!isNear(Dtype::i8) || !isNear(Dtype::f8)) return "products of weights of one byte";
  }
  if (!sameBits(lora(device, Dtype::f32), lora(cpu, Dtype::f32))) return "LoRA in float32";
  if (!near(lora(device, Dtype::bf16), lora(cpu, Dtype::bf16), kLoraBound)) return "LoRA in bf16";
  if (!sameBits(norm(device), norm(cpu))) return "norms";
  if (!sameBits(attention(device), attention(cpu))) return "attention";
  return "";
}

}  // namespace

std::string selfCheck(Device& device, const Ops& ops) {
  if (!device.reserveScratch(kScratch)) return "no memory for a check of its arithmetic";
  Pool pool(1, kScratch);
  Context there{pool, *scalarKernels(), device, ops};
  Context here{pool, *kernelsOf(bestIsa()), hostDevice(), cpuOps()};
  try {
    const std::string different = compare(there, here);
    return different.empty() ? "" : different + " other than the CPU's";
  } catch (const std::exception& failure) {
    return failure.what();
  }
}

}  // namespace agl
