#include "model/weights.h"

#include <algorithm>

#include "core/error.h"
#include "model/mapped_tensors.h"

namespace agl {

static bool isProduct(Role role) {
  switch (role) {
    case Role::head:
    case Role::q:
    case Role::k:
    case Role::v:
    case Role::o:
    case Role::gate:
    case Role::up:
    case Role::down:
      return true;
    default:
      return false;
  }
}

// Log-probabilities are most sensitive to the head: it has no codes.
static Dtype packedDtype(Role role, const ModelConfig& config) {
  return role == Role::head || role == Role::embedding ? config.compute : config.projections();
}

static std::int64_t rounded(std::int64_t bytes) {
  return static_cast<std::int64_t>(Arena::rounded(static_cast<std::size_t>(bytes)));
}

static std::int64_t packedBytes(const TensorLocation& at, Dtype dtype) {
  return rounded(Packed{nullptr, at.rows, at.cols, dtype}.bytes());
}

static std::vector<ParameterShape> shapesOf(const std::vector<ModelTensor>& tensors, bool trainAll) {
  std::vector<ParameterShape> shapes;
  if (!trainAll) return shapes;
  for (const ModelTensor& tensor : tensors) shapes.push_back({tensor.location.rows, tensor.location.cols});
  return shapes;
}

std::int64_t Weights::parameterBytes(const std::vector<ModelTensor>& tensors, bool trainAll) {
  return ParameterSet::bytes(shapesOf(tensors, trainAll));
}

std::int64_t Weights::bytes(const ModelConfig& config, const std::vector<ModelTensor>& tensors, bool trainAll) {
  std::int64_t total = 0;
  for (const ModelTensor& tensor : tensors) {
    const TensorLocation& at = tensor.location;
    if (tensor.role == Role::embedding) {
      if (config.tie) total += packedBytes(at, packedDtype(tensor.role, config));
      if (!config.tie && !trainAll) total += rounded(at.rows * at.cols * dtypeBytes(at.dtype));
    } else if (isProduct(tensor.role)) {
      total += packedBytes(at, packedDtype(tensor.role, config));
    } else if (!trainAll) {
      total += rounded(at.rows * at.cols * 4);
    }
  }
  return total;
}

// Bytes of a matrix that pass through staging at once.
constexpr std::int64_t kStripBytes = 64 << 20;

// Packs a matrix that lies on the host, strip by strip.
static void packFromHost(Context& context, const Packed& packed, View source) {
  const std::int64_t rowBytes = source.cols * dtypeBytes(source.dtype);
  const std::int64_t strip = std::max<std::int64_t>(kStripBytes / rowBytes / Packed::kLanes, 1) * Packed::kLanes;
  for (std::int64_t begin = 0; begin < source.rows; begin += strip) {
    View rows = source.slice(begin, std::min(strip, source.rows - begin));
    context.device.beginStage();
    rows.data = const_cast<void*>(context.device.stage(rows.data, static_cast<std::size_t>(rows.rows * rowBytes)));
    context.ops.linear.pack(context, packed.slice(begin, rows.rows), rows);
  }
}

Weights::Weights(Context& context, const ModelConfig& config, const std::vector<ModelTensor>& tensors,
                 const std::vector<std::string>& files, bool trainAll)
    : tie_(config.tie),
      trainAll_(trainAll),
      tensors_(tensors),
      parameters_(context.device, shapesOf(tensors, trainAll)),
      arena_(context.device, "weights", static_cast<std::size_t>(bytes(config, tensors, trainAll))),
      layers_(static_cast<std::size_t>(config.layers)) {
  const MappedTensors mapped(files);
  // A tensor at an odd offset is copied before it is read as numbers.
  std::vector<float> aligned;
  for (std::size_t i = 0; i < tensors_.size(); i++) {
    const ModelTensor& tensor = tensors_[i];
    if (tensor.layer < 0 || tensor.layer >= config.layers) throw Error("E_INTERNAL", "tensor outside the layers");
    View source = mapped.at(tensor.location);
    if (reinterpret_cast<std::uintptr_t>(source.data) % static_cast<std::uintptr_t>(dtypeBytes(source.dtype)) != 0) {
      aligned.resize(static_cast<std::size_t>(source.rows * source.cols));
      const View copy = matrix(aligned.data(), source.rows, source.cols);
      writeAsF32(hostDevice(), copy, source);
      source = copy;
    }
    if (trainAll_) {
      writeAsF32(context.device, parameters_.value(i), source);
      source = parameters_.value(i);
      if (View* gradient = gradientOf(tensor)) *gradient = parameters_.gradient(i);
    }
    if (Packed* packed = packedOf(tensor)) {
      *packed = {nullptr, source.rows, source.cols, packedDtype(tensor.role, config)};
      *packed = packed->placed(arena_.allocate(static_cast<std::size_t>(packed->bytes())));
      if (trainAll_) {
        context.ops.linear.pack(context, *packed, source);
      } else {
        packFromHost(context, *packed, source);
      }
      if (tensor.role != Role::embedding || !trainAll_) continue;
    }
    View& vector = vectorOf(tensor);
    if (trainAll_) {
      vector = source;
    } else if (tensor.role == Role::embedding) {
      const std::int64_t size = source.rows * source.cols * dtypeBytes(source.dtype);
      vector = {arena_.allocate(static_cast<std::size_t>(size)), source.dtype, source.rows, source.cols, source.cols};
      context.device.copyIn(vector.data, source.data, static_cast<std::size_t>(size));
    } else {
      vector = arena_.matrix(source.rows, source.cols);
      writeAsF32(context.device, vector, source);
    }
  }
  if (tie_) dHead_ = dEmbedding_;
}

void Weights::embed(Context& context, View x, const std::int32_t* tokens) const {
  if (embedding_.data != nullptr) {
    context.ops.embedding.forward(context, x, embedding_, tokens);
  } else {
    context.ops.embedding.forwardPacked(context, x, head_, tokens);
  }
}

void Weights::refresh(Context& context) {
  for (std::size_t i = 0; i < tensors_.size(); i++) {
    if (const Packed* packed = packedOf(tensors_[i])) context.ops.linear.pack(context, *packed, parameters_.value(i));
  }
  version_++;
}

// --- internal ---

Packed* Weights::packedOf(const ModelTensor& tensor) {
  if (tensor.role == Role::head || (tensor.role == Role::embedding && tie_)) return &head_;
  if (!isProduct(tensor.role)) return nullptr;
  auto& projections = layers_[static_cast<std::size_t>(tensor.layer)].projections;
  switch (tensor.role) {
    case Role::q:
      return &projections[0];
    case Role::k:
      return &projections[1];
    case Role::v:
      return &projections[2];
    case Role::o:
      return &projections[3];
    case Role::gate:
      return &projections[4];
    case Role::up:
      return &projections[5];
    default:
      return &projections[6];
  }
}

View& Weights::vectorOf(const ModelTensor& tensor) {
  LayerWeights& layer = layers_[static_cast<std::size_t>(tensor.layer)];
  switch (tensor.role) {
    case Role::embedding:
      return embedding_;
    case Role::finalNorm:
      return finalNorm_;
    case Role::attentionNorm:
      return layer.attentionNorm;
    case Role::mlpNorm:
      return layer.mlpNorm;
    case Role::qNorm:
      return layer.qNorm;
    case Role::kNorm:
      return layer.kNorm;
    case Role::qBias:
      return layer.biases[0];
    case Role::kBias:
      return layer.biases[1];
    case Role::vBias:
      return layer.biases[2];
    default:
      throw Error("E_INTERNAL", "a product is not a vector");
  }
}

View* Weights::gradientOf(const ModelTensor& tensor) {
  LayerWeights& layer = layers_[static_cast<std::size_t>(tensor.layer)];
  switch (tensor.role) {
    case Role::embedding:
      return &dEmbedding_;
    case Role::head:
      return &dHead_;
    case Role::finalNorm:
      return &dFinalNorm_;
    case Role::attentionNorm:
      return &layer.dAttentionNorm;
    case Role::mlpNorm:
      return &layer.dMlpNorm;
    case Role::qNorm:
      return &layer.dQNorm;
    case Role::kNorm:
      return &layer.dKNorm;
    case Role::qBias:
      return &layer.dBiases[0];
    case Role::kBias:
      return &layer.dBiases[1];
    case Role::vBias:
      return &layer.dBiases[2];
    default: {
      const Packed* packed = packedOf(tensor);
      return &layer.dProjections[static_cast<std::size_t>(packed - layer.projections.data())];
    }
  }
}

}  // namespace agl
