// A set of trainable tensors: values, gradients and AdamW's moments as four flat f32 vectors of the same layout, so that the
// optimizer sees one vector and the global norm one order. Matrices are row-major, each starts on a 64-byte boundary; the padding between
// them is zero and stays zero.
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"
#include "ops/ops.h"

namespace agl {

struct ParameterShape {
  std::int64_t rows;
  std::int64_t cols;
};

class ParameterSet {
 public:
  ParameterSet() = default;
  ParameterSet(Device& device, const std::vector<ParameterShape>& shapes);
  static std::int64_t bytes(const std::vector<ParameterShape>& shapes);

  std::int64_t bytes() const { return static_cast<std::int64_t>(arena_.bytes()); }
  std::size_t count() const { return shapes_.size(); }
  View value(std::size_t index) const { return at(values_, index); }
  View gradient(std::size_t index) const { return at(gradients_, index); }
  View firstMoment(std::size_t index) const { return at(firstMoments_, index); }
  View secondMoment(std::size_t index) const { return at(secondMoments_, index); }
  // Steps taken so far, which AdamW's bias correction counts.
  void setSteps(std::int64_t steps) { steps_ = steps; }

  void zeroGradients();
  // Clips to maxGradNorm by the factor maxGradNorm / (norm + 1e-6) when the norm exceeds it, takes one AdamW step and clears the gradients;
  // returns the norm before clipping. Throws E_NONFINITE, changing nothing, when it is not finite.
  double step(Context& context, AdamwStep options, double maxGradNorm);

 private:
  View at(float* base, std::size_t index) const;
  View flat(float* base) const { return {base, Dtype::f32, 1, total_, total_}; }

  std::vector<ParameterShape> shapes_;
  std::vector<std::int64_t> begins_;
  std::int64_t total_ = 0;
  std::int64_t steps_ = 0;
  Device* device_ = nullptr;
  Arena arena_;
  float* values_ = nullptr;
  float* gradients_ = nullptr;
  float* firstMoments_ = nullptr;
  float* secondMoments_ = nullptr;
};

}  // namespace agl
