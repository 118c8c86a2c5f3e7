// The one copy of the base weights: products packed (the layers' as codes where the configuration says so), vectors as they
// are, the embedding packed when it is the head, too. With trainAll the trainable values are kept row-major beside them and
// packed again after every step.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace agl {

struct LayerWeights {
  std::array<Packed, kProjections> projections;
  View attentionNorm;
  View mlpNorm;
  View qNorm;  // data is null where the architecture has none
  View kNorm;
  std::array<View, 3> biases;  // q, k, v; null likewise
  // Gradients, null unless trainAll.
  std::array<View, kProjections> dProjections;
  View dAttentionNorm;
  View dMlpNorm;
  View dQNorm;
  View dKNorm;
  std::array<View, 3> dBiases;
};

class Weights {
 public:
  Weights(Context& context, const ModelConfig& config, const std::vector<ModelTensor>& tensors,
          const std::vector<std::string>& files, bool trainAll);

  // Bytes of the arena; the optimizer's vectors of trainAll are parameterBytes.
  static std::int64_t bytes(const ModelConfig& config, const std::vector<ModelTensor>& tensors, bool trainAll);
  static std::int64_t parameterBytes(const std::vector<ModelTensor>& tensors, bool trainAll);

  const LayerWeights& layer(std::int64_t index) const { return layers_[static_cast<std::size_t>(index)]; }
  const Packed& head() const { return head_; }
  View finalNorm() const { return finalNorm_; }
  View dFinalNorm() const { return dFinalNorm_; }
  View dHead() const { return dHead_; }
  View dEmbedding() const { return dEmbedding_; }
  void embed(Context& context, View x, const std::int32_t* tokens) const;

  bool trainable() const { return trainAll_; }
  // In the order of the tensors given.
  ParameterSet& parameters() { return parameters_; }
  void refresh(Context& context);
  std::int64_t version() const { return version_; }
  void setVersion(std::int64_t version) { version_ = version; }
  const Arena& arena() const { return arena_; }

 private:
  View& vectorOf(const ModelTensor& tensor);
  View* gradientOf(const ModelTensor& tensor);
  Packed* packedOf(const ModelTensor& tensor);

  const bool tie_;
  const bool trainAll_;
  std::vector<ModelTensor> tensors_;
  ParameterSet parameters_;
  Arena arena_;
  std::vector<LayerWeights> layers_;
  Packed head_;
  View embedding_;  // rows in the file's dtype, or trainable; null when tied and frozen (then the packed head is read)
  View finalNorm_;
  View dFinalNorm_;
  View dHead_;
  View dEmbedding_;
  std::int64_t version_ = 0;
};

}  // namespace agl
