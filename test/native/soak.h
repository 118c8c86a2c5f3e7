// A soak: engines on their threads are opened, asked for everything at once from several threads, and closed in the middle of it, again and again.
// Every call must be answered exactly once, every sampled token keep its bits, and memory stay as it was after the warm-up. Made for sanitizers.
#pragma once

#include <cstdint>

namespace agl::test {

struct SoakLength {
  double minutes = 0;  // at least this long
  int rounds = 1;      // and at least this many
};

// Records failures of the running test; prints a line a minute when it is long.
void soak(const SoakLength& length, std::uint64_t seed);

}  // namespace agl::test
