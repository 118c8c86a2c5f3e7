#include "lanes_probe.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define AGL_ISA avx2
#include "lanes_probe.inc"

namespace agl::test {
const LanesProbe* avx2Lanes() { return &avx2::kProbe; }
}  // namespace agl::test
#else
namespace agl::test {
const LanesProbe* avx2Lanes() { return nullptr; }
}  // namespace agl::test
#endif
