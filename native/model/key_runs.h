// Where the keys of a sequence lie: ranges of slots (of token memory) or rows (of a packed batch), position 0 upward.
#pragma once

#include <vector>

#include "ops/attention/attention.h"

namespace agl {

// Appends a range, joined with the last one when it follows it directly.
inline void appendRun(std::vector<KeyRun>& runs, KeyRun run) {
  if (!runs.empty() && runs.back().slot + runs.back().count == run.slot) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

}  // namespace agl
