// Matrix products with packed weights.
//   forward         y[r,n]  = sum_k w[n,k] x[r,k]        one chain per output: acc = +0; acc = fma(x[k], w[k], acc), k ascending
//   backwardInput   dx[r,k] += sum_n dy[r,n] w[n,k]      a chain over n ascending from +0, then one addition
//   backwardWeight  dw[n,k] += sum_r dy[r,n] x[r,k]      a chain over r ascending, from the value dw holds
// x, dx (R,K); y, dy (R,N); w packed (N,K); dw (N,K). f32. A row of y depends on its own row of x alone (Law 1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct Linear {
  // w (N,K) row-major in f32, bf16 or f16 into its packed form, every lane written (lanes beyond N are +0).
  void (*pack)(Context&, Packed packed, View w);
  // The inverse, into f32: what a file needs.
  void (*unpack)(Context&, View w, Packed packed);
  void (*forward)(Context&, View y, View x, Packed w);
  void (*backwardInput)(Context&, View dx, View dy, Packed w);
  void (*backwardWeight)(Context&, View dw, View dy, View x);
};

// Pool scratch of each worker that backwardInput takes, for at most n outputs.
std::size_t linearScratchBytes(std::int64_t n);

// --- internal: raw kernels of one instruction set, on parts that the caller divides ---

struct LinearKernels {
  // Blocks of backwardInput: its scratch holds kRowBlock x kColumnBlock sums, then kRowBlock x kStepBlock of dy.
  static constexpr std::int64_t kRowBlock = 64;
  static constexpr std::int64_t kColumnBlock = 1024;
  static constexpr std::int64_t kStepBlock = 256;

  // Rows [0, rows) and panels [panelBegin, panelEnd) of y.
  void (*forward)(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, std::int64_t rows, Packed w,
                  std::int64_t panelBegin, std::int64_t panelEnd);
  // Columns [kBegin, kEnd) of dx for `rows` rows; scratch of linearScratchBytes(w.n).
  void (*backwardInput)(float* dx, std::int64_t dxStride, const float* dy, std::int64_t dyStride, std::int64_t rows,
                        Packed w, std::int64_t kBegin, std::int64_t kEnd, float* scratch);
  // Rows [nBegin, nEnd) and columns [kBegin, kEnd) of dw.
  void (*backwardWeight)(float* dw, std::int64_t dwStride, const float* dy, std::int64_t dyStride, const float* x,
                         std::int64_t xStride, std::int64_t rows, std::int64_t nBegin, std::int64_t nEnd,
                         std::int64_t kBegin, std::int64_t kEnd);
};

extern const Linear kCpuLinear;

}  // namespace agl
