#define AGL_ISA scalar
#include "lanes_probe.inc"

namespace agl::test {
const LanesProbe* scalarLanes() { return &scalar::kProbe; }
}  // namespace agl::test
