// What the kernels of wgmma for few rows share: how K is divided over warp groups, x as operand, sums of pieces.
#pragma once

#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"
#include "ops/linear/linear_few.cuh"

namespace agl::few {

constexpr int kDepth = cuda::hopper::kBoxColumns;  // numbers of a weight row in a slot: four instructions
constexpr int kInstructions = kDepth / 16;
constexpr int kPieceSteps = static_cast<int>(kPiece) / kDepth;
constexpr int kGroup = 128;  // threads of a warp group
constexpr int kMaxGroups = 3;

struct FewShape {
  std::int64_t rows, k;
  std::int64_t xStride, wStride;
  int groups;   // that multiply
  int steps;    // of the group that has most
  bool paired;  // rows of x are 8-byte aligned
  std::int64_t outputs = 0;  // of the block's target
};

inline FewShape fewShapeOf(const View& x) {
  const std::int64_t pieces = divideUp(x.cols, kPiece), rounds = divideUp(pieces, kMaxGroups);
  const auto groups = static_cast<int>(divideUp(pieces, rounds));
  const std::int64_t last = std::min(x.cols - (rounds - 1) * groups * kPiece, kPiece);
  const bool paired = x.stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(x.data) % sizeof(float2) == 0;
  return {x.rows, x.cols, x.stride, operandStride(x.cols), groups,
          static_cast<int>((rounds - 1) * kPieceSteps + divideUp(last, kDepth)), paired};
}

// Where a group's step begins in K: it has every groups-th piece.
__device__ __forceinline__ std::int64_t columnOf(const FewShape& s, int group, int step) {
  return (static_cast<std::int64_t>(step / kPieceSteps) * s.groups + group) * kPiece + step % kPieceSteps * kDepth;
}

// The groups have the sums of pieces [first, first + groups) of K: all go to parts [group][row][output], and each thread adds those
// it owns, ascending. T: of the block's kColumns outputs of kRows rows.
template <class T>
__device__ __forceinline__ void addPieces(float (&totals)[T::kOwned], const float (&sums)[T::kColumns / 2], float* parts,
                                          const FewShape& s, int round) {
  constexpr int outputs = T::kRows * T::kColumns;
  const int group = static_cast<int>(threadIdx.x) / kGroup, thread = static_cast<int>(threadIdx.x) % kGroup;
  const int row = thread / 32 * 16 + thread % 32 / 4;
#pragma unroll
  for (int e = 0; e < T::kColumns / 2; e++) {
    const int r = row + e / 2 % 2 * 8, column = e / 4 * 8 + thread % 4 * 2 + e % 2;
    if (r < T::kRows) parts[(group * T::kRows + r) * T::kColumns + column] = sums[e];
  }
  cuda::barrier(1, s.groups * kGroup);
  const std::int64_t pieces = (s.k + kPiece - 1) / kPiece - static_cast<std::int64_t>(round) * s.groups;
#pragma unroll
  for (int o = 0; o < T::kOwned; o++) {
    const int index = static_cast<int>(threadIdx.x) + o * s.groups * kGroup;
    if (index >= outputs) continue;
    for (int p = 0; p < s.groups && p < pieces; p++) totals[o] = __fadd_rn(totals[o], parts[p * outputs + index]);
  }
  cuda::barrier(1, s.groups * kGroup);
}

// Each thread the outputs it owns, from `output` on; times the scales, unless null.
template <class T>
__device__ __forceinline__ void writeTotals(const Target& target, const float (&totals)[T::kOwned], const FewShape& s,
                                            std::int64_t output) {
#pragma unroll
  for (int o = 0; o < T::kOwned; o++) {
    const int index = static_cast<int>(threadIdx.x) + o * s.groups * kGroup;
    const std::int64_t row = index / T::kColumns, n = output + index % T::kColumns;
    if (row >= s.rows || n >= s.outputs) continue;
    target.y[row * target.yStride + n] = target.scales == nullptr ? totals[o] : __fmul_rn(totals[o], target.scales[n]);
  }
}

}  // namespace agl::few
