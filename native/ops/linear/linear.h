// Matrix products with packed weights.
//   forward         y[r,n]  = sum_k w[n,k] x[r,k]
//   backwardInput   dx[r,k] += sum_n dy[r,n] w[n,k]      the sum, then one addition
//   backwardWeight  dw[n,k] += sum_r dy[r,n] x[r,k]      f32: a chain over r ascending, from the value dw holds
// x, dx (R,K); y, dy (R,N); w packed (N,K); dw (N,K). All but w f32. A row of y depends on its own row of x alone (Law 1).
// The weights' dtype is the arithmetic of a sum over j:
//   f32   one chain: acc = +0; acc = fma(x[j], w[j], acc), j ascending
//   bf16  operands rounded to bf16, nearest-even; steps of 32 from j = 0, the last padded with zeros. In a step
//         even = +0; even = fma(x[j], w[j], even) over even j ascending; odd likewise; acc = acc + (even + odd).
//         Subnormal operands count as zero, subnormal results become zero. This is the instruction TDPBF16PS
//         (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2).
//   i8, f8  weights scale[n] q[n,k] (core/codes.h). Every q is exact in bf16, so each direction is that of bf16 with weights q:
//         forward ends with one multiplication of the sum by scale[n] in f32; backwardInput begins with one of dy[r,n], in f32,
//         before the operand is rounded.
// On CUDA f32 has the same bits; backwardWeight adds to dw the sum of blocks of rows, each a chain from +0 (weightRowBlocks).
//   bf16  operands rounded likewise; pieces of 1,024 from j = 0, each from zero by instructions of 16 products that the
//         device adds to an f32 its own way, j ascending; pieces added in ascending order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct LinearOutput {
  View y;
  Packed w;
};

struct Linear {
  // w (N,K) row-major in f32, bf16 or f16 into its packed form, every lane written (those beyond N and K are +0). Codes and scales
  // are the same bytes whatever packs them.
  void (*pack)(Context&, Packed packed, View w);
  // The inverse, into f32: what a file needs.
  void (*unpack)(Context&, View w, Packed packed);
  void (*forward)(Context&, View y, View x, Packed w);
  // The bits of forward for each of at least one; weights of one K and dtype.
  void (*forwardEach)(Context&, View x, std::span<const LinearOutput> outputs);
  void (*backwardInput)(Context&, View dx, View dy, Packed w);
  void (*backwardWeight)(Context&, View dw, View dy, View x);
};

// Pool scratch of each worker that products with weights of this dtype take, for at most n outputs.
std::size_t linearScratchBytes(Dtype dtype, std::int64_t n);
// Workspace of a CUDA device that the three products of at most `rows` rows with weights (n, k) take.
std::size_t linearCudaScratchBytes(Dtype dtype, std::int64_t rows, std::int64_t n, std::int64_t k);

// --- internal: raw kernels of one instruction set, on parts that the caller divides ---

struct LinearKernels {
  // Blocks of backwardInput in f32: its scratch holds kRowBlock x kColumnBlock sums, then kRowBlock x kStepBlock of dy.
  static constexpr std::int64_t kRowBlock = 64;
  static constexpr std::int64_t kColumnBlock = 1024;
  static constexpr std::int64_t kStepBlock = 256;

  // Rows [0, rows) and panels [panelBegin, panelEnd) of y.
  void (*forward)(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, std::int64_t rows, Packed w,
                  std::int64_t panelBegin, std::int64_t panelEnd, float* scratch);
  // Columns [kBegin, kEnd) of dx for `rows` rows; in bf16 kBegin is a multiple of 32.
  void (*backwardInput)(float* dx, std::int64_t dxStride, const float* dy, std::int64_t dyStride, std::int64_t rows,
                        Packed w, std::int64_t kBegin, std::int64_t kEnd, float* scratch);
  // Rows [nBegin, nEnd) and columns [kBegin, kEnd) of dw. Null in the bf16 table: gradients of weights are f32.
  void (*backwardWeight)(float* dw, std::int64_t dwStride, const float* dy, std::int64_t dyStride, const float* x,
                         std::int64_t xStride, std::int64_t rows, std::int64_t nBegin, std::int64_t nEnd,
                         std::int64_t kBegin, std::int64_t kEnd);
};

// Blocks of products in bf16 by lanes, in this order in their scratch; all in floats.
struct Bf16Blocks {
  static constexpr std::int64_t kRows = 96;  // rows whose operand is rounded at once, kColumns columns of it
  static constexpr std::int64_t kColumns = 512;
  static constexpr std::int64_t kSums = 1024;  // columns of dx whose chains are open at once
  static constexpr std::int64_t kTransposed = kColumns * Packed::kStep / 2;  // W of 32 columns of dx, in pairs of outputs
  static constexpr std::int64_t kScratchFloats = kRows * kColumns + kRows * kSums + kTransposed;
};

// The same for products on tiles of AMX.
struct TileBlocks {
  static constexpr std::int64_t kRows = 256;       // rows whose operand is rounded at once
  static constexpr std::int64_t kInputRows = 512;  // of dy where all its columns fit, each transposed weight serves more
  static constexpr std::int64_t kOperand = kInputRows * 896;  // rounded numbers, two in a float: not half of an L2
  static constexpr std::int64_t kColumns = kOperand / kRows;
  static constexpr std::int64_t kSums = 1024;  // outputs of kRows rows whose chains are open at once
  static constexpr std::int64_t kTransposed = kColumns * Packed::kStep / 2;
  static constexpr std::int64_t kScratchFloats = kOperand / 2 + kRows * kSums + kTransposed;
};

// Threads worth waking for products of `flops` that read `weights` numbers.
std::int64_t threadsFor(const Context& ctx, std::int64_t flops, std::int64_t weights);
void packWeights(Context& ctx, Packed packed, View w);
void unpackWeights(Context& ctx, View w, Packed packed);
// Row n of the weights as K floats.
void unpackRow(float* row, const Packed& packed, std::int64_t n);

extern const Linear kCpuLinear;
extern const Linear kCudaLinear;

}  // namespace agl
