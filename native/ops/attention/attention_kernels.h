// Raw kernels of attention for one instruction set; what the driver in attention.cpp divides and feeds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/attention/attention.h"

namespace agl {

// A worker's private memory, laid out by the driver. P is headSize rounded up to 16; lanes beyond headSize are 0. What
// forward holds instead where keys are bf16 stands behind the bar; S is headSize rounded up to 32.
struct AttentionScratch {
  float* q;         // [P / 16][queries][16]                                | [queries][S], rounded
  float* out;       // [queries][P]           forward: o so far; backward: dq so far
  float* maximum;   // [queries]              backward: lse
  float* sum;       // [queries]              backward: delta
  float* keysT;     // [128 / 16][D][16]      lanes are keys                | panels of 16 keys as Packed, K = D
  float* values;    // [P / 16][128][16]      lanes are d; backward: keys   | panels of 16 d as Packed, K = 128
  float* scores;    // [kBlockQueries][128]   scores, then weights; backward: p
  float* partial;   // [kBlockQueries][P]
  float* dout;      // [P / 16][queries][16]  from here on, backward only
  float* valuesT;   // [128 / 16][D][16]
  float* dscores;   // [kBlockQueries][128]
  float* dk;        // [128][P]
  float* dv;        // [128][P]

  // Queries whose scores are held at once; at least the tile rows of every instruction set.
  static constexpr std::int64_t kBlockQueries = 48;
  // Tasks of a bundle at most.
  static constexpr std::int64_t kBundle = 64;
};

// The queries of `tile` that read one kv head, in (row, head) order: rows x group of them.
struct AttentionTask {
  AttentionTile tile;
  const KeyRun* runs;  // of all tiles
  AttentionShape shape;
  std::int64_t kvHead;
  std::size_t index;  // of the whole tile
};

struct AttentionMatrix {
  float* data = nullptr;
  std::int64_t stride = 0;
};

// Keys or values as token memory holds them: f32 or bf16.
struct KeyMatrix {
  const void* data = nullptr;
  std::int64_t stride = 0;
  Dtype dtype = Dtype::f32;
};

struct AttentionOperands {
  AttentionMatrix q;
  KeyMatrix k, v;
  AttentionMatrix out, lse;          // lse.data may be null in forward
  AttentionMatrix dout, dq, dk, dv;  // backward only
};

// Forward takes a bundle: tasks of one kv head, all of whose queries fit the scratch. Keys that
// neighbours share, as the samples of one prompt do, are gathered once.
struct AttentionBundle {
  const AttentionTask* tasks;
  std::int64_t count;
  std::int64_t queries;
};

struct AttentionKernels {
  void (*forward)(const AttentionOperands&, const AttentionBundle&, const AttentionScratch&);
  void (*forwardBf16)(const AttentionOperands&, const AttentionBundle&, const AttentionScratch&);
  void (*backward)(const AttentionOperands&, const AttentionTask&, const AttentionScratch&);
};

}  // namespace agl
