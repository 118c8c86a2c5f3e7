// Keys and values of every layer, in the arithmetic's dtype, for the positions the sampler has computed, in blocks of 32 positions aligned to the sequence. Slot =
// block * 32 + position % 32. Which block belongs to whom is the token tree's business.
#pragma once

#include <vector>

#include "core/arena.h"
#include "model/config.h"

namespace agl {

class TokenMemory {
 public:
  static constexpr std::int32_t kBlock = 32;

  TokenMemory(Device& device, const ModelConfig& config, std::int64_t slots)
      : slots_(slots), width_(config.keyWidth()), arena_(device, "token memory", static_cast<std::size_t>(bytes(config, slots))) {
    for (std::int64_t layer = 0; layer < config.layers; layer++) {
      keys_.push_back(arena_.matrix(config.compute, slots, width_));
      values_.push_back(arena_.matrix(config.compute, slots, width_));
    }
  }
  static std::int64_t bytes(const ModelConfig& config, std::int64_t slots) {
    const std::int64_t matrix = slots * config.keyWidth() * dtypeBytes(config.compute);
    return config.layers * 2 * static_cast<std::int64_t>(Arena::rounded(static_cast<std::size_t>(matrix)));
  }

  std::int64_t blocks() const { return slots_ / kBlock; }
  View keys(std::int64_t layer) const { return keys_[static_cast<std::size_t>(layer)]; }
  View values(std::int64_t layer) const { return values_[static_cast<std::size_t>(layer)]; }
  Arena& arena() { return arena_; }

 private:
  std::int64_t slots_;
  std::int64_t width_;
  Arena arena_;
  std::vector<View> keys_;
  std::vector<View> values_;
};

}  // namespace agl
