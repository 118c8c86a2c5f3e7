#include "model/lora.h"

#include <cmath>

#include "core/error.h"
#include "core/philox.h"
#include "model/mapped_tensors.h"

namespace agl {

static std::vector<ParameterShape> shapesOf(const ModelConfig& config, const std::vector<LoraTarget>& targets) {
  std::vector<ParameterShape> shapes;
  for (const LoraTarget& target : targets) {
    shapes.push_back({target.rank, inputWidth(config, target.projection)});
    shapes.push_back({outputWidth(config, target.projection), target.rank});
  }
  return shapes;
}

std::int64_t Adapter::packedBytes(const ModelConfig& config, const std::vector<LoraTarget>& targets) {
  std::int64_t bytes = 0;
  for (const ParameterShape& shape : shapesOf(config, targets)) {
    bytes += static_cast<std::int64_t>(Arena::rounded(
        static_cast<std::size_t>(Packed{nullptr, shape.rows, shape.cols, config.compute}.bytes())));
  }
  return bytes;
}

std::int64_t Adapter::parameterBytes(const ModelConfig& config, const std::vector<LoraTarget>& targets) {
  return ParameterSet::bytes(shapesOf(config, targets));
}

Adapter::Adapter(Context& context, const ModelConfig& config, std::vector<LoraTarget> targets,
                 const std::vector<std::string>& files, std::uint64_t seed)
    : targets_(std::move(targets)),
      parameters_(context.device, shapesOf(config, targets_)),
      packed_(context.device, "adapter", static_cast<std::size_t>(packedBytes(config, targets_))),
      pairs_(static_cast<std::size_t>(config.layers)) {
  for (std::size_t i = 0; i < targets_.size(); i++) {
    const LoraTarget& target = targets_[i];
    if (target.layer < 0 || target.layer >= config.layers || target.projection < 0 ||
        target.projection >= kProjections || target.rank < 1) {
      throw Error("E_INTERNAL", "adapter target " + std::to_string(i) + " is outside the model");
    }
    LoraPair& pair = pairs_[static_cast<std::size_t>(target.layer)][static_cast<std::size_t>(target.projection)];
    const View a = parameters_.value(2 * i);
    const View b = parameters_.value(2 * i + 1);
    pair.a = {nullptr, a.rows, a.cols, config.compute};
    pair.b = {nullptr, b.rows, b.cols, config.compute};
    for (Packed* packed : {&pair.a, &pair.b}) packed->data = packed_.allocate(static_cast<std::size_t>(packed->bytes()));
    pair.scale = target.scale;
    pair.da = parameters_.gradient(2 * i);
    pair.db = parameters_.gradient(2 * i + 1);
    if (target.rank > largestRank_) largestRank_ = target.rank;
  }
  initialise(context.device, files, seed);
  pack(context);
}

void Adapter::refresh(Context& context) {
  pack(context);
  version_++;
}

// --- internal ---

void Adapter::initialise(Device& device, const std::vector<std::string>& files, std::uint64_t seed) {
  const MappedTensors mapped(files);
  for (std::size_t i = 0; i < targets_.size(); i++) {
    const View a = parameters_.value(2 * i);
    if (targets_[i].stored) {
      writeAsF32(device, a, mapped.at(targets_[i].a));
      writeAsF32(device, parameters_.value(2 * i + 1), mapped.at(targets_[i].b));
      continue;
    }
    // PEFT's initialisation: A is kaiming-uniform with a = sqrt(5), which is +-1/sqrt(in).
    const double bound = 1.0 / std::sqrt(static_cast<double>(a.cols));
    const auto stream = static_cast<std::uint32_t>(targets_[i].layer * kProjections + targets_[i].projection);
    std::vector<float> drawn(static_cast<std::size_t>(a.rows * a.cols));
    for (std::size_t j = 0; j < drawn.size(); j++) {
      const PhiloxBlock block = philox(
          {static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(j >> 32), stream, 0x4c6f5241}, seed);
      drawn[j] = static_cast<float>((uniform(block[0], block[1]) * 2 - 1) * bound);
    }
    device.copyIn(a.data, drawn.data(), drawn.size() * sizeof(float));
  }
}

void Adapter::pack(Context& context) {
  for (std::size_t i = 0; i < targets_.size(); i++) {
    const LoraPair& pair = this->pair(targets_[i].layer, targets_[i].projection);
    context.ops.linear.pack(context, pair.a, parameters_.value(2 * i));
    context.ops.linear.pack(context, pair.b, parameters_.value(2 * i + 1));
  }
}

}  // namespace agl
