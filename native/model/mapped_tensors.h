// Read access to tensors in memory-mapped files, bounds checked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/os.h"
#include "model/config.h"

namespace agl {

class MappedTensors {
 public:
  explicit MappedTensors(const std::vector<std::string>& files);
  // Throws E_MODEL naming the file when the tensor does not lie inside it.
  View at(const TensorLocation& location) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<MappedFile>> files_;
};

// A matrix on the host, of any file dtype and alignment, as f32 into the device's memory.
void writeAsF32(Device& device, View to, View from);

}  // namespace agl
