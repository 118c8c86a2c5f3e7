// One arena per lifetime: a single mapping of a device's memory, handed out front to back in 64-byte steps and freed as a whole. On the host,
// pages are committed by the system when first touched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"
#include "core/view.h"

namespace agl {

class Arena {
 public:
  Arena() = default;
  // Throws E_MEMORY naming the arena when the device refuses.
  Arena(Device& device, const char* name, std::size_t bytes);
  // On the host.
  Arena(const char* name, std::size_t bytes) : Arena(hostDevice(), name, bytes) {}
  // An arena without memory that only counts what would be allocated: the plan runs the same code as the work.
  static Arena counting(const char* name);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t used() const { return used_; }
  std::size_t highWater() const { return highWater_; }
  std::size_t largestAllocation() const { return largest_; }

  // Throws E_INTERNAL when the arena is too small: the plan was wrong.
  void* allocate(std::size_t bytes);
  float* floats(std::int64_t count) { return static_cast<float*>(allocate(static_cast<std::size_t>(count) * 4)); }
  View matrix(std::int64_t rows, std::int64_t cols) { return agl::matrix(floats(rows * cols), rows, cols); }
  View matrix(Dtype dtype, std::int64_t rows, std::int64_t cols) {
    return {allocate(static_cast<std::size_t>(rows * cols * dtypeBytes(dtype))), dtype, rows, cols, cols};
  }
  // Forgets what was allocated after `used` was read.
  void rewind(std::size_t used) { used_ = used; }
  // Every byte 0xff: floats are NaN. Tests fill unwritten memory with it.
  void poison();

  static std::size_t rounded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

 private:
  Device* device_ = nullptr;
  const char* name_ = "";
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t used_ = 0;
  std::size_t highWater_ = 0;
  std::size_t largest_ = 0;
};

}  // namespace agl
