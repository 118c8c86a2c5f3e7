// What every operation is called with: the threads it divides its outputs over and the kernels of the instruction set.
#pragma once

#include "core/pool.h"

namespace agl {

struct Kernels;

struct Context {
  Pool& pool;
  const Kernels& kernels;
};

}  // namespace agl
