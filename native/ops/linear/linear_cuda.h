// What the CUDA files of linear.h share: how products are cut, and the raw products. Pointers are device memory.
//   Weights (Packed) lie row-major there: rows padded to 16, columns in bf16 and of codes to 32, padding +0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/cuda_device.h"
#include "core/view.h"
#include "ops/linear/linear.h"

namespace agl {

constexpr std::int64_t divideUp(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t roundedUp(std::int64_t a, std::int64_t to) { return divideUp(a, to) * to; }

// Operands of products in bf16 have rows of whole steps of 32, zero beyond their own columns.
constexpr std::int64_t operandStride(std::int64_t columns) { return roundedUp(columns, Packed::kStep); }

// Sums in bf16: pieces of so many numbers, each from zero in instructions of 16 (the last padded with zeros to 64), added
// ascending in f32. The same in every kernel of a family: a row's bits do not know which one computed it.
constexpr std::int64_t kPiece = 1024;

// Rows whose operand is rounded into scratch at once: 64 MiB of it.
constexpr std::int64_t operandRows(std::int64_t columns) {
  return std::max<std::int64_t>((std::int64_t{1} << 25) / operandStride(columns) / 128, 1) * 128;
}
// Fewer tiles of 64 x 64 leave multiprocessors idle: each piece of the sum goes to another block, the sums to scratch.
constexpr std::int64_t kSplitTiles = 128;
constexpr std::int64_t kSmallTile = 64;

constexpr std::size_t operandBytes(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(roundedUp(std::min(rows, operandRows(columns)) * operandStride(columns) * 2, 256));
}
// Codes of weights in bf16, which products of many rows read.
constexpr std::size_t expandedBytes(Dtype dtype, std::int64_t n, std::int64_t k) {
  return static_cast<std::size_t>(isCode(dtype) ? roundedUp(n * operandStride(k) * 2, 256) : 0);
}
// Scratch of one direction in bf16: `reduced` columns of the operand summed, `outputs` columns written.
constexpr std::size_t bf16ScratchBytes(std::int64_t rows, std::int64_t outputs, std::int64_t reduced) {
  const std::int64_t split = std::min(roundedUp(rows, kSmallTile) * roundedUp(outputs, kSmallTile),
                                      kSplitTiles * kSmallTile * kSmallTile);
  const std::int64_t pieces = divideUp(reduced, kPiece);
  return operandBytes(rows, reduced) + static_cast<std::size_t>(pieces > 1 ? pieces * split * 4 : 0);
}

// backwardWeight: how many blocks of rows have sums of their own, and the rows of each but the last. A function of the
// shape alone.
struct RowBlocks {
  std::int64_t count;
  std::int64_t rows;
};
constexpr std::int64_t kRowBlockSums = std::int64_t{1} << 22;  // numbers of all blocks, where there are several
constexpr RowBlocks weightRowBlocks(std::int64_t rows, std::int64_t n, std::int64_t k) {
  if (rows == 0) return {0, 1};
  const std::int64_t outputs = roundedUp(std::min(n, k), 16) * roundedUp(std::max(n, k), 128);
  const std::int64_t wanted = std::max<std::int64_t>(kRowBlockSums / outputs, 1);
  const std::int64_t height = roundedUp(divideUp(rows, std::min(wanted, divideUp(rows, 128))), 16);
  return {divideUp(rows, height), height};
}
// Enough for fewer rows, outputs or columns, too, which may have more blocks.
constexpr std::size_t weightScratchBytes(std::int64_t rows, std::int64_t n, std::int64_t k) {
  return static_cast<std::size_t>(std::min(divideUp(rows, 128) * n * k, kRowBlockSums) * 4);
}

// ---- linear_pack.cu

// to (rows, operandStride(from.cols)) = from in bf16, zero beyond its rows and columns; first times its columns' scales, unless null.
void roundRows(CudaDevice& device, const char* op, std::uint16_t* to, std::int64_t rows, View from, const float* scales = nullptr);
void packOnCuda(CudaDevice& device, Packed packed, View w);
void unpackOnCuda(CudaDevice& device, View w, Packed packed);

// c[i cRow + j cColumn] = (or += where `add`) the sum of its parts, ascending; parts [count][rows][columns]. The sum times the scale of
// its column, unless null.
struct Sums {
  std::int64_t cRow, cColumn, rows, columns, count;
  bool add;
  const float* scales = nullptr;
};
void sumParts(CudaDevice& device, const char* op, float* c, const float* parts, Sums sums);

// ---- linear_codes.cu

void packCodes(CudaDevice& device, Packed packed, View w);
void unpackCodes(CudaDevice& device, View w, Packed packed);
// to (n, operandStride(k)) = the codes in bf16.
void expandCodes(CudaDevice& device, const char* op, std::uint16_t* to, Packed w);

// ---- linear_f32.cu

void forwardF32(CudaDevice& device, View y, View x, Packed w);
void backwardInputF32(CudaDevice& device, View dx, View dy, Packed w);
void backwardWeightF32(CudaDevice& device, View dw, View dy, View x);

// ---- products in bf16

// c (or += where `add`) = a b' or, `transposed`, a b: a rounded rows of an operand, b packed weights.
struct Product {
  std::int64_t rows, columns, reduced;
  std::int64_t cStride, aStride, bStride;
  bool transposed;  // b (reduced, columns) rather than (columns, reduced)
  bool add;
  const float* scales = nullptr;  // of columns: the total is multiplied by them before it is written or added
  std::int64_t partStride = 0;    // of c from one piece of the sum to the next; 0: c is their total
};

// 64 x 64 outputs, 128 x 128, 128 x 192. Every tile gives the same bits; a family without one takes the next smaller.
enum class Tile { small, large, wide };

// Kernels of one kind of instruction. Families may differ in bits, so a device uses one for all products.
struct ProductFamily {
  const char* name;
  Tile (*tileOf)(const CudaDevice& device, const Product& product);
  void (*multiply)(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b,
                   const Product& product, Tile tile);
  // Forward of at most kFewRows rows and 1 to kFewOutputs weights of one shape's K and dtype, bf16 or codes, in one launch: reads
  // the weights once at the memory's speed.
  void (*fewRows)(CudaDevice& device, View x, std::span<const LinearOutput> outputs);
};
constexpr std::int64_t kFewRows = 16;
constexpr std::size_t kFewOutputs = 3;
void mmaFewRows(CudaDevice& device, View x, std::span<const LinearOutput> outputs);
void wgmmaFewRows(CudaDevice& device, View x, std::span<const LinearOutput> outputs);
void wgmmaFewRowsOfCodes(CudaDevice& device, View x, std::span<const LinearOutput> outputs);
extern const ProductFamily kMmaProducts;    // mma.sync: sm_80 and newer
extern const ProductFamily kWgmmaProducts;  // wgmma: sm_90a alone

// The one choice of a device's instructions.
const ProductFamily& productsOf(const CudaDevice& device);
void forwardBf16(CudaDevice& device, const ProductFamily& products, View x, std::span<const LinearOutput> outputs);
void backwardInputBf16(CudaDevice& device, const ProductFamily& products, View dx, View dy, Packed w);
// `parts` is scratch for pieces that go to blocks of their own: bf16ScratchBytes less operandBytes.
void multiplyBf16(CudaDevice& device, const ProductFamily& products, const char* op, float* c, const std::uint16_t* a,
                  const std::uint16_t* b, float* parts, Product product, Tile tile);

}  // namespace agl
