// Raw kernels of attention for one instruction set; what the driver in attention.cpp divides and feeds.
#pragma once

#include <cstdint>

namespace agl {

struct AttentionKernels {};

}  // namespace agl
