// Planted faults: what a law must notice. In a build with AGL_FAULTS the environment's AGL_FAULT names the one that is planted; in
// every other build there is none, at no cost.
#pragma once

namespace agl {

#ifdef AGL_FAULTS
bool isPlanted(const char* name);
#else
constexpr bool isPlanted(const char*) { return false; }
#endif

}  // namespace agl
