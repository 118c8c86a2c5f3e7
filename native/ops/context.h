// What every operation is called with: the device whose memory its views name, that device's operations, and on the CPU the threads they divide
// their outputs over and the kernels of the instruction set.
#pragma once

#include "core/device.h"
#include "core/pool.h"

namespace agl {

struct Kernels;
struct Ops;

struct Context {
  Pool& pool;
  const Kernels& kernels;
  Device& device;
  const Ops& ops;
};

}  // namespace agl
