#include "core/cpu_features.h"

#include "core/os.h"

namespace agl {

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::amx:
      return "amx";
    case Isa::scalar:
      break;
  }
  return "scalar";
}

bool isaSupported(Isa isa) {
  if (isa == Isa::scalar) return true;
#if defined(__x86_64__)
  // The builtin checks that the operating system saves the wide registers, too.
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool hasAvx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx512 || !hasAvx512) return hasAvx512;
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && allowTileRegisters();
#else
  return false;
#endif
}

}  // namespace agl
