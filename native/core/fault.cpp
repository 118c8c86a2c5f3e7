#include "core/fault.h"

#ifdef AGL_FAULTS

#include <cstdlib>
#include <cstring>

namespace agl {

bool isPlanted(const char* name) {
  static const char* const planted = std::getenv("AGL_FAULT");
  return planted != nullptr && std::strcmp(planted, name) == 0;
}

}  // namespace agl

#endif
