// LoRA on the products of a layer: y = W x + s (B (A x)), never merged.   Hu et al. 2021, arXiv:2106.09685
// A (rank, in), B (out, rank). One adapter has trainable values and their packed copies, refreshed after every step.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace agl {

struct LoraTarget {
  std::int64_t layer = 0;
  int projection = 0;
  std::int64_t rank = 0;
  float scale = 0;
  bool stored = false;  // a and b say where; otherwise A is drawn uniformly from +-1/sqrt(in) and B is zero
  TensorLocation a;
  TensorLocation b;
};

struct LoraPair {
  Packed a;
  Packed b;
  float scale = 0;
  View da;  // gradients, row-major
  View db;
  std::int64_t rank() const { return a.n; }
  bool present() const { return a.data != nullptr; }
};

class Adapter {
 public:
  Adapter(Context& context, const ModelConfig& config, std::vector<LoraTarget> targets,
          const std::vector<std::string>& files, std::uint64_t seed);

  static std::int64_t packedBytes(const ModelConfig& config, const std::vector<LoraTarget>& targets);
  static std::int64_t parameterBytes(const ModelConfig& config, const std::vector<LoraTarget>& targets);

  const LoraPair& pair(std::int64_t layer, int projection) const {
    return pairs_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(projection)];
  }
  std::int64_t largestRank() const { return largestRank_; }
  std::int64_t packedBytes() const { return static_cast<std::int64_t>(packed_.bytes()); }
  std::int64_t parameterBytes() const { return parameters_.bytes(); }
  // A then B of each target.
  ParameterSet& parameters() { return parameters_; }
  // After the values changed: packs them again; what was computed under the old ones is stale.
  void refresh(Context& context);
  std::int64_t version() const { return version_; }
  void setVersion(std::int64_t version) { version_ = version; }

 private:
  void initialise(Device& device, const std::vector<std::string>& files, std::uint64_t seed);
  void pack(Context& context);

  std::vector<LoraTarget> targets_;
  ParameterSet parameters_;
  Arena packed_;
  std::vector<std::array<LoraPair, kProjections>> pairs_;
  std::int64_t largestRank_ = 0;
  std::int64_t version_ = 0;
};

}  // namespace agl
