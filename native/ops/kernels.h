// The table of raw kernels of one instruction set. Filled by kernels.scalar.cpp, kernels.avx2.cpp and kernels.avx512.cpp,
// each compiling every *.lanes.h in its own namespace.
#pragma once

#include "core/cpu_features.h"
#include "ops/activation/swiglu.h"
#include "ops/attention/attention_kernels.h"
#include "ops/head/log_softmax.h"
#include "ops/linear/linear.h"
#include "ops/norm/rms_norm.h"
#include "ops/optimizer/adamw.h"
#include "ops/rope/rope.h"
#include "ops/rows/elementwise.h"

namespace agl {

struct Kernels {
  Isa isa;
  LinearKernels linear;
  LinearKernels linearBf16;
  ElementwiseKernels elementwise;
  RmsNormKernels rmsNorm;
  RopeKernels rope;
  SwigluKernels swiglu;
  AttentionKernels attention;
  LogSoftmaxKernels logSoftmax;
  AdamwKernels adamw;
};

const Kernels* scalarKernels();
const Kernels* avx2Kernels();
const Kernels* avx512Kernels();
const LinearKernels* amxProducts();  // in bf16; all else of Isa::amx is AVX-512

}  // namespace agl
