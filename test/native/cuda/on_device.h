// A CUDA device for tests, and numbers in its memory.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/cuda_device.h"
#include "core/half.h"
#include "ops/backends.h"

namespace agl::test {

inline std::unique_ptr<CudaDevice> openDevice() {
  std::string why;
  std::unique_ptr<CudaDevice> device = CudaDevice::open(0, why);
  if (device == nullptr) throw std::runtime_error(why);
  return device;
}

// Numbers in the device's memory, zero at first, and back.
template <class T>
class OnDevice {
 public:
  OnDevice(CudaDevice& device, std::size_t count) : device_(device), count_(count) {
    data_ = static_cast<T*>(device.allocate(count * sizeof(T)));
  }
  OnDevice(CudaDevice& device, const std::vector<T>& values) : OnDevice(device, values.size()) {
    device.copyIn(data_, values.data(), values.size() * sizeof(T));
  }
  ~OnDevice() { device_.release(data_, count_ * sizeof(T)); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  T* data() { return data_; }
  std::vector<T> values() {
    std::vector<T> out(count_);
    device_.copyOut(out.data(), data_, count_ * sizeof(T));
    return out;
  }

 private:
  CudaDevice& device_;
  std::size_t count_;
  T* data_;
};

inline std::vector<std::uint16_t> randomBf16(std::int64_t count, std::uint64_t seed) {
  std::vector<std::uint16_t> out;
  for (const float value : randomNumbers(count, seed)) out.push_back(f32ToBf16(value));
  return out;
}

}  // namespace agl::test
