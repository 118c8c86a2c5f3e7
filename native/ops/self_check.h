// Whether a device computes what this CPU does: some products, a norm and an attention, in a few milliseconds. Asked once of every device that
// is opened, so that a card, a driver or a build that computes something else is refused before it spoils a run.
#pragma once

#include <string>

#include "core/device.h"

namespace agl {

struct Ops;

// Empty where all agrees: in float32 bit by bit, in bf16 to its rounding. Otherwise what does not, or how the device failed.
std::string selfCheck(Device& device, const Ops& ops);

}  // namespace agl
