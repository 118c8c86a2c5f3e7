#include "model/mapped_tensors.h"

#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/half.h"

namespace agl {

MappedTensors::MappedTensors(const std::vector<std::string>& files) : names_(files) {
  for (const std::string& name : files) files_.push_back(std::make_unique<MappedFile>(name));
}

View MappedTensors::at(const TensorLocation& location) const {
  const auto index = static_cast<std::size_t>(location.file);
  if (index >= files_.size()) throw Error("E_INTERNAL", "tensor names file " + std::to_string(location.file));
  const MappedFile& file = *files_[index];
  const std::int64_t bytes = location.rows * location.cols * dtypeBytes(location.dtype);
  const auto size = static_cast<std::int64_t>(file.bytes());
  if (location.begin < 0 || location.begin > size || bytes > size - location.begin) {
    throw Error("E_MODEL", names_[index] + ": expected a tensor of " + std::to_string(bytes) + " bytes at " +
                               std::to_string(location.begin) + ", the file has " + std::to_string(size) +
                               "; it changed while it was loaded");
  }
  // Only read through memcpy-like conversions below, so the constness is kept in fact.
  auto* data = const_cast<std::byte*>(file.data()) + location.begin;
  return {data, location.dtype, location.rows, location.cols, location.cols};
}

static void convert(View to, View from) {
  const std::int64_t width = from.cols * dtypeBytes(from.dtype);
  for (std::int64_t row = 0; row < from.rows; row++) {
    const std::byte* source = static_cast<const std::byte*>(from.data) + row * width;
    float* target = to.f32(row);
    if (from.dtype == Dtype::f32) {
      std::memcpy(target, source, static_cast<std::size_t>(width));
      continue;
    }
    for (std::int64_t col = 0; col < from.cols; col++) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, source + col * 2, 2);
      target[col] = from.dtype == Dtype::bf16 ? bf16ToF32(bits) : f16ToF32(bits);
    }
  }
}

void writeAsF32(Device& device, View to, View from) {
  if (device.isHost()) {
    convert(to, from);
    return;
  }
  std::vector<float> numbers(static_cast<std::size_t>(from.rows * from.cols));
  convert(matrix(numbers.data(), from.rows, from.cols), from);
  device.copyIn(to.data, numbers.data(), numbers.size() * sizeof(float));
}

}  // namespace agl
