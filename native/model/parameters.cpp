#include "model/parameters.h"

#include <cmath>

#include "core/error.h"

namespace agl {

static std::int64_t padded(const ParameterShape& shape) { return (shape.rows * shape.cols + 15) / 16 * 16; }

std::int64_t ParameterSet::bytes(const std::vector<ParameterShape>& shapes) {
  std::int64_t total = 0;
  for (const ParameterShape& shape : shapes) total += padded(shape);
  return total * 4 * 4;
}

ParameterSet::ParameterSet(Device& device, const std::vector<ParameterShape>& shapes)
    : shapes_(shapes), device_(&device), arena_(device, "optimizer", static_cast<std::size_t>(bytes(shapes))) {
  for (const ParameterShape& shape : shapes_) {
    begins_.push_back(total_);
    total_ += padded(shape);
  }
  values_ = arena_.floats(total_);  // the mapping comes zeroed
  gradients_ = arena_.floats(total_);
  firstMoments_ = arena_.floats(total_);
  secondMoments_ = arena_.floats(total_);
}

void ParameterSet::zeroGradients() { zero(*device_, flat(gradients_)); }

double ParameterSet::step(Context& context, AdamwStep options, double maxGradNorm) {
  const double norm = std::sqrt(context.ops.adamw.squaredNorm(context, flat(gradients_)));
  if (!std::isfinite(norm)) {
    throw Error("E_NONFINITE", "policy.optimStep: expected a finite gradient norm, got " + std::to_string(norm) +
                                   "; weights are unchanged, call zeroGradients() and lower the learning rate");
  }
  options.gradientScale = norm > maxGradNorm ? maxGradNorm / (norm + 1e-6) : 1.0;
  options.step = ++steps_;
  context.ops.adamw.step(context, flat(values_), flat(gradients_), flat(firstMoments_), flat(secondMoments_), options);
  zeroGradients();
  return norm;
}

// --- internal ---

View ParameterSet::at(float* base, std::size_t index) const {
  const ParameterShape& shape = shapes_[index];
  return matrix(base + begins_[index], shape.rows, shape.cols);
}

}  // namespace agl
