// The formulas of swiglu.h for one element; the tests run them in double.
#pragma once

#include <cmath>

namespace agl::reference {

template <class T>
T swigluForward(T gate, T up) {
  return gate / (1 + std::exp(-gate)) * up;
}

template <class T>
void swigluBackward(T& dgate, T& dup, T dy, T gate, T up) {
  const T sigmoid = 1 / (1 + std::exp(-gate));
  dgate += dy * up * sigmoid * (1 + gate * (1 - sigmoid));
  dup += dy * gate * sigmoid;
}

}  // namespace agl::reference
