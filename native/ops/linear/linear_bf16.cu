// Products in bf16 by either family: operands rounded in blocks of rows, tiles chosen, sums of few tiles divided over blocks.
#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

// Codes are read again for every 16 rows as long as that moves less than to expand them: a byte read, two written, two read.
constexpr std::int64_t kFewBlocks = 4;

// Calls run(operand, weights, parts, first, rows) for each block of rows of x, rounded. Codes are expanded once.
template <class Run>
void overOperand(CudaDevice& device, const char* op, const View& x, const float* scales, const Packed& w, std::size_t productBytes,
                 Run run) {
  const std::size_t expanded = expandedBytes(w.dtype, w.n, w.k);
  auto* const scratch = static_cast<unsigned char*>(device.scratch(expanded + productBytes));
  if (scratch == nullptr) return;
  auto* const operand = reinterpret_cast<std::uint16_t*>(scratch + expanded);
  float* const parts = reinterpret_cast<float*>(scratch + expanded + operandBytes(x.rows, x.cols));
  if (expanded > 0) expandCodes(device, op, reinterpret_cast<std::uint16_t*>(scratch), w);
  const auto* const weights = expanded > 0 ? reinterpret_cast<const std::uint16_t*>(scratch) : w.bf16();
  for (std::int64_t first = 0; first < x.rows; first += operandRows(x.cols)) {
    const std::int64_t rows = std::min(operandRows(x.cols), x.rows - first);
    roundRows(device, op, operand, rows, x.slice(first, rows), scales);
    run(operand, weights, parts, first, rows);
  }
}

// Launches of at most kFewRows rows and kFewOutputs weights.
void forwardFew(CudaDevice& device, const ProductFamily& products, View x, std::span<const LinearOutput> outputs) {
  for (std::int64_t first = 0; first < x.rows; first += kFewRows) {
    const std::int64_t rows = std::min(kFewRows, x.rows - first);
    LinearOutput some[kFewOutputs];
    std::size_t count = 0;
    for (const LinearOutput& output : outputs) {
      some[count++] = {output.y.slice(first, rows), output.w};
      if (count < kFewOutputs && &output != &outputs.back()) continue;
      products.fewRows(device, x.slice(first, rows), std::span(some, count));
      count = 0;
    }
  }
}

void forwardMany(CudaDevice& device, const ProductFamily& products, View x, View y, const Packed& w) {
  const char* op = "linear.forward";
  const std::int64_t stride = operandStride(w.k);
  overOperand(device, op, x, nullptr, w, bf16ScratchBytes(x.rows, w.n, w.k),
              [&](const std::uint16_t* a, const std::uint16_t* b, float* parts, std::int64_t first, std::int64_t rows) {
                const Product product = {rows, w.n, w.k, y.stride, stride, stride, false, false, w.scales};
                multiplyBf16(device, products, op, y.f32(first), a, b, parts, product, products.tileOf(device, product));
              });
}

}  // namespace

const ProductFamily& productsOf(const CudaDevice& device) { return device.hopper() ? kWgmmaProducts : kMmaProducts; }

void forwardBf16(CudaDevice& device, const ProductFamily& products, View x, std::span<const LinearOutput> outputs) {
  const bool areFew = x.rows <= (isCode(outputs[0].w.dtype) ? kFewBlocks : 1) * kFewRows;
  if (areFew) return forwardFew(device, products, x, outputs);
  for (const auto& [y, w] : outputs) forwardMany(device, products, x, y, w);
}

void backwardInputBf16(CudaDevice& device, const ProductFamily& products, View dx, View dy, Packed w) {
  const char* op = "linear.backwardInput";
  overOperand(device, op, dy, w.scales, w, bf16ScratchBytes(dy.rows, w.k, w.n),
              [&](const std::uint16_t* a, const std::uint16_t* b, float* parts, std::int64_t first, std::int64_t rows) {
                const Product product = {rows, w.k, w.n, dx.stride, operandStride(w.n), operandStride(w.k), true, true};
                multiplyBf16(device, products, op, dx.f32(first), a, b, parts, product, products.tileOf(device, product));
              });
}

void multiplyBf16(CudaDevice& device, const ProductFamily& products, const char* op, float* c, const std::uint16_t* a,
                  const std::uint16_t* b, float* parts, Product p, Tile tile) {
  const std::int64_t pieces = divideUp(p.reduced, kPiece);
  const std::int64_t tiles = divideUp(p.rows, kSmallTile) * divideUp(p.columns, kSmallTile);
  if (tile != Tile::small || pieces == 1 || tiles >= kSplitTiles) return products.multiply(device, op, c, a, b, p, tile);
  Product split = p;
  split.cStride = p.columns, split.partStride = p.rows * p.columns, split.add = false, split.scales = nullptr;
  products.multiply(device, op, parts, a, b, split, tile);
  sumParts(device, op, c, parts, {p.cStride, 1, p.rows, p.columns, pieces, p.add, p.scales});
}

}  // namespace agl
