#include "core/device.h"

#include <cstring>
#include <string>

#include "core/error.h"
#include "core/os.h"

namespace agl {
namespace {

class HostDevice final : public Device {
 public:
  bool isHost() const noexcept override { return true; }
  void* allocate(std::size_t bytes) noexcept override { return mapMemory(bytes); }
  void release(void* data, std::size_t bytes) noexcept override { unmapMemory(static_cast<std::byte*>(data), bytes); }
  void fill(void* to, int byte, std::size_t bytes) noexcept override {
    if (bytes > 0) std::memset(to, byte, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) noexcept override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void copyIn(void* to, const void* host, std::size_t bytes) noexcept override { copy(to, host, bytes); }
  void copyOut(void* host, const void* from, std::size_t bytes) noexcept override { copy(host, from, bytes); }
  const void* stage(const void* host, std::size_t) noexcept override { return host; }
  void beginStage() noexcept override {}
  void beginPass() noexcept override {}
  void endPass() noexcept override {}
  std::size_t availableBytes() noexcept override { return availableMemory(); }
  bool reserveScratch(std::size_t) noexcept override { return true; }
  // Every instruction set gives the same bits.
  const char* arithmetic(Dtype weights) const noexcept override {
    if (weights == Dtype::i8) return "bf16-int8-r1";
    if (weights == Dtype::f8) return "bf16-fp8-r1";
    return weights == Dtype::bf16 ? "bf16-r1" : "f32-r1";
  }
  const char* failure() noexcept override { return ""; }
};

std::size_t bytesOf(View view) { return static_cast<std::size_t>(view.rows * view.cols * dtypeBytes(view.dtype)); }

}  // namespace

Device& hostDevice() {
  static HostDevice device;
  return device;
}

void checkDevice(Device& device) {
  const std::string failure = device.failure();
  if (!failure.empty()) throw Error("E_DEVICE", failure);
}

std::vector<float> readFloats(Device& device, View view) {
  std::vector<float> numbers(static_cast<std::size_t>(view.rows * view.cols));
  device.copyOut(numbers.data(), view.data, bytesOf(view));
  checkDevice(device);
  return numbers;
}

void zero(Device& device, View view) { device.fill(view.data, 0, bytesOf(view)); }

}  // namespace agl
