// The operations of core/lanes.h behind plain function pointers, one table per instruction set.
// Included by files compiled for an instruction set: no STL here.
#pragma once

#include <cstdint>

namespace agl::test {

// Each works on sixteen numbers.
struct LanesProbe {
  void (*add)(float* out, const float* a, const float* b);
  void (*sub)(float* out, const float* a, const float* b);
  void (*mul)(float* out, const float* a, const float* b);
  void (*div)(float* out, const float* a, const float* b);
  void (*max)(float* out, const float* a, const float* b);
  void (*min)(float* out, const float* a, const float* b);
  void (*selectLess)(float* out, const float* a, const float* b);  // a < b ? a : -b
  void (*fma)(float* out, const float* a, const float* b, const float* c);
  void (*sqrt)(float* out, const float* a);
  void (*roundEven)(float* out, const float* a);
  void (*powerOfTwo)(float* out, const float* a);
  void (*broadcast)(float* out, float a);
  void (*copyFirst)(float* out, const float* a, int count);  // loadFirst, then a store of all lanes
  void (*writeFirst)(float* out, const float* a, int count);  // a load of all lanes, then storeFirst
  void (*selectFirst)(float* out, const float* a, const float* b, int count);
  void (*writeBf16)(std::uint16_t* out, const float* a);
  void (*readBf16)(float* out, const std::uint16_t* a);
  float (*sumLanes)(const float* a);
  float (*maxLanes)(const float* a);
};

const LanesProbe* scalarLanes();
const LanesProbe* avx2Lanes();
const LanesProbe* avx512Lanes();

}  // namespace agl::test
