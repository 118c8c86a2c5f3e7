#include "lanes_probe.h"

#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#pragma GCC diagnostic ignored "-Wuninitialized"  // g++ 12 on its own _mm512_undefined_ps, GCC bug 105593
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define AGL_ISA avx512
#include "lanes_probe.inc"

namespace agl::test {
const LanesProbe* avx512Lanes() { return &avx512::kProbe; }
}  // namespace agl::test
#else
namespace agl::test {
const LanesProbe* avx512Lanes() { return nullptr; }
}  // namespace agl::test
#endif
