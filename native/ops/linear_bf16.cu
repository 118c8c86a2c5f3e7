// Products in bf16 by either family: operands rounded in blocks of rows, tiles chosen, sums of few tiles divided over blocks.
#include "core/cuda.h"
#include "ops/linear_cuda.h"

namespace agl {
namespace {

// Calls run(operand, parts, first, rows) for each block of rows of x, rounded.
template <class Run>
void overOperand(CudaDevice& device, const char* op, const View& x, std::size_t scratchBytes, Run run) {
  auto* const scratch = static_cast<unsigned char*>(device.scratch(scratchBytes));
  if (scratch == nullptr) return;
  auto* const operand = reinterpret_cast<std::uint16_t*>(scratch);
  float* const parts = reinterpret_cast<float*>(scratch + operandBytes(x.rows, x.cols));
  for (std::int64_t first = 0; first < x.rows; first += operandRows(x.cols)) {
    const std::int64_t rows = std::min(operandRows(x.cols), x.rows - first);
    roundRows(device, op, operand, rows, x.slice(first, rows));
    run(operand, parts, first, rows);
  }
}

}  // namespace

const ProductFamily& productsOf(const CudaDevice& device) { return device.hopper() ? kWgmmaProducts : kMmaProducts; }

void forwardBf16(CudaDevice& device, const ProductFamily& products, View y, View x, Packed w) {
  if (x.rows <= kFewRows) return products.fewRows(device, y, x, w);
  const char* op = "linear.forward";
  const std::int64_t stride = operandStride(w.k);
  overOperand(device, op, x, bf16ScratchBytes(x.rows, w.n, w.k),
              [&](const std::uint16_t* a, float* parts, std::int64_t first, std::int64_t rows) {
                const Product product = {rows, w.n, w.k, y.stride, stride, stride, false, false};
                multiplyBf16(device, products, op, y.f32(first), a, w.bf16(), parts, product, products.tileOf(device, product));
              });
}

void backwardInputBf16(CudaDevice& device, const ProductFamily& products, View dx, View dy, Packed w) {
  const char* op = "linear.backwardInput";
  overOperand(device, op, dy, bf16ScratchBytes(dy.rows, w.k, w.n),
              [&](const std::uint16_t* a, float* parts, std::int64_t first, std::int64_t rows) {
                const Product product = {rows, w.k, w.n, dx.stride, operandStride(w.n), operandStride(w.k), true, true};
                multiplyBf16(device, products, op, dx.f32(first), a, w.bf16(), parts, product, products.tileOf(device, product));
              });
}

void multiplyBf16(CudaDevice& device, const ProductFamily& products, const char* op, float* c, const std::uint16_t* a,
                  const std::uint16_t* b, float* parts, Product p, Tile tile) {
  const std::int64_t pieces = divideUp(p.reduced, kPiece);
  const std::int64_t tiles = divideUp(p.rows, kSmallTile) * divideUp(p.columns, kSmallTile);
  if (tile != Tile::small || pieces == 1 || tiles >= kSplitTiles) return products.multiply(device, op, c, a, b, p, tile);
  Product split = p;
  split.cStride = p.columns, split.partStride = p.rows * p.columns, split.add = false;
  products.multiply(device, op, parts, a, b, split, tile);
  sumParts(device, op, c, parts, {p.cStride, 1, p.rows, p.columns, pieces, p.add});
}

}  // namespace agl
