// Gradients of attention on a CUDA device, as Attention's table calls them.
#pragma once

#include <span>

#include "ops/attention/attention.h"

namespace agl {

// The part of Attention's prepare that backward needs.
AttentionOnDevice::Backward prepareAttentionBackward(Device& device, std::span<const AttentionTile> tiles,
                                                     std::span<const KeyRun> runs);
// Attention::backward.
void cudaAttentionBackward(Context& context, View dq, View dk, View dv, View dout, View out, View lse, View q, View k,
                           View v, const AttentionWork& work, AttentionShape shape);

}  // namespace agl
