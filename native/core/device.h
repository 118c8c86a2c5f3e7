// Where memory lies and work runs. A device is asked through this table alone; what it computes is the operations' business (ops/ops.h). Its
// functions do not throw, since a device may live in a shared object of its own: the first failure sticks until it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/view.h"

namespace agl {

class Device {
 public:
  virtual ~Device() = default;

  // Whether this process can read and write the device's memory through its pointers.
  virtual bool isHost() const noexcept = 0;
  // Zeroed memory, 256-byte aligned (64 on the host), or null when refused.
  virtual void* allocate(std::size_t bytes) noexcept = 0;
  virtual void release(void* data, std::size_t bytes) noexcept = 0;
  // In the order of the operations before and after.
  virtual void fill(void* to, int byte, std::size_t bytes) noexcept = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) noexcept = 0;
  // The host's memory may change once it returns.
  virtual void copyIn(void* to, const void* host, std::size_t bytes) noexcept = 0;
  // Waits for all work before it.
  virtual void copyOut(void* host, const void* from, std::size_t bytes) noexcept = 0;
  // The same bytes in the device's memory, until the next beginStage: the index arrays of a pass. The host's own pointer on the host.
  virtual const void* stage(const void* host, std::size_t bytes) noexcept = 0;
  virtual void beginStage() noexcept = 0;
  // Between the two, operations may start later than they are called, together: at endPass, or before what copies or fills. Their order stays.
  virtual void beginPass() noexcept = 0;
  virtual void endPass() noexcept = 0;
  virtual std::size_t availableBytes() noexcept = 0;
  // Grows the workspace of the operations; false where memory is refused. The host's lies in the pool of threads.
  virtual bool reserveScratch(std::size_t bytes) noexcept = 0;
  // Name of what its operations compute with weights of this type, and the revision of their roundings: what a stored
  // log-probability was computed with.
  virtual const char* arithmetic(Dtype weights) const noexcept = 0;
  // The first failure since last asked; empty when there was none.
  virtual const char* failure() noexcept = 0;
};

// Plain memory of this process. Without state.
Device& hostDevice();

// A pass, until this goes out of scope.
class DevicePass {
 public:
  explicit DevicePass(Device& device) : device_(device) { device.beginPass(); }
  ~DevicePass() { device_.endPass(); }
  DevicePass(const DevicePass&) = delete;
  DevicePass& operator=(const DevicePass&) = delete;

 private:
  Device& device_;
};

// Throws E_DEVICE when the device has failed since last asked.
void checkDevice(Device& device);
// copyOut, checked: floats of a contiguous view.
std::vector<float> readFloats(Device& device, View view);
// Zeroes a contiguous f32 view.
void zero(Device& device, View view);

template <class T>
std::span<const T> staged(Device& device, std::span<const T> host) {
  return {static_cast<const T*>(device.stage(host.data(), host.size_bytes())), host.size()};
}

}  // namespace agl
