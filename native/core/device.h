// Where memory lies and work runs. Everything asked of a device happens in the order it was asked.
#pragma once

#include <cstddef>

namespace agl {

class Device {
 public:
  virtual ~Device() = default;
  virtual bool isHost() const noexcept = 0;
  // Zeroed; null when refused.
  virtual void* allocate(std::size_t bytes) noexcept = 0;
  virtual void release(void* data, std::size_t bytes) noexcept = 0;
  virtual void fill(void* to, int byte, std::size_t bytes) noexcept = 0;
  // Host memory may change once it returns.
  virtual void copyIn(void* to, const void* host, std::size_t bytes) noexcept = 0;
  // Waits for all work.
  virtual void copyOut(void* host, const void* from, std::size_t bytes) noexcept = 0;
  // The same bytes in the device's memory, until the next beginStage.
  virtual const void* stage(const void* host, std::size_t bytes) noexcept = 0;
  virtual void beginStage() noexcept = 0;
  // From device to device.
  virtual void copy(void* to, const void* from, std::size_t bytes) noexcept = 0;
  virtual std::size_t availableBytes() noexcept = 0;
  // The first since last asked, empty when none.
  virtual const char* failure() noexcept = 0;
};

}  // namespace agl
