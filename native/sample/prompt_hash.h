// A prompt's name in the random numbers drawn for it.
#pragma once

#include <cstdint>
#include <span>

namespace agl {

// FNV-1a over the ids' bytes, then a finaliser: equal prompts meet, others practically never.
inline std::uint64_t hashTokens(std::span<const std::int32_t> tokens) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::int32_t token : tokens) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (static_cast<std::uint32_t>(token) >> shift & 0xffU)) * 0x100000001b3;
    }
  }
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  return hash ^ hash >> 33;
}

}  // namespace agl
